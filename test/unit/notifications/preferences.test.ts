import { chosen, KINDS, preferencesOf, shownBroadcasts } from "../../../services/notifications/domain/preferences.ts";
import { routeOf } from "../../../services/notifications/domain/route.ts";

test("until a user says otherwise everything is in the inbox, and mail is for what somebody should look at", () => {
	const preferences = preferencesOf({});
	expect(KINDS.filter((kind) => !preferences[kind].inbox)).toEqual([]);
	expect(KINDS.filter((kind) => preferences[kind].email)).toEqual([
		"login_new_place",
		"key_created",
		"trading_halted",
		"webhook_disabled",
	]);
	expect(KINDS.filter((kind) => !preferences[kind].webhook)).toEqual(["webhook_disabled"]);
});

test("a change changes what it names and leaves the rest", () => {
	const once = chosen({}, { order_filled: { email: true }, key_created: { inbox: false } });
	const twice = chosen(once ?? {}, { order_filled: { webhook: false } });
	expect(preferencesOf(twice ?? {})).toEqual({
		...preferencesOf({}),
		order_filled: { inbox: true, email: true, webhook: false },
		key_created: { inbox: false, email: true, webhook: true },
	});
});

test.each([
	["nothing", {}],
	["what is so by default", { order_filled: { inbox: true, email: false } }],
	["no channel of a kind", { order_filled: {} }],
])("to choose %s changes nothing", (_what, change) => {
	expect(chosen({}, change)).toBeNull();
});

test("broadcasts are seen unless their kind is out of the inbox", () => {
	expect(shownBroadcasts({})).toEqual(["market_halted"]);
	expect(shownBroadcasts({ market_halted: { inbox: false } })).toEqual([]);
});

const nowMs = Date.parse("2026-01-02T12:00:00.000Z");
const notice = { kind: "order_filled", at: "2026-01-02T11:59:59.000Z" } as const;
const all = { webhookId: "w-all", kinds: null };
const some = { webhookId: "w-some", kinds: ["order_filled", "key_created"] as const };
const others = { webhookId: "w-others", kinds: ["key_created"] as const };

test.each([
	["by default", {}, { inInbox: true, sendTo: ["w-all", "w-some"] }],
	["by mail too", { order_filled: { email: true } }, { inInbox: true, sendTo: [null, "w-all", "w-some"] }],
	["not to webhooks", { order_filled: { webhook: false } }, { inInbox: true, sendTo: [] }],
	["to webhooks alone", { order_filled: { inbox: false } }, { inInbox: false, sendTo: ["w-all", "w-some"] }],
	["nowhere", { order_filled: { inbox: false, webhook: false } }, null],
])("a notice goes where its user wants it: %s", (_what, choices, route) => {
	expect(routeOf(notice, choices, [all, some, others], nowMs)).toEqual(route);
});

test("what happened more than a day ago is kept and not sent", () => {
	const old = { ...notice, at: "2026-01-01T11:59:59.000Z" };
	expect(routeOf(old, {}, [all], nowMs)).toEqual({ inInbox: true, sendTo: [] });
	expect(routeOf(old, { order_filled: { inbox: false } }, [all], nowMs)).toBeNull();
});
