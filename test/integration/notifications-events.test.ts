import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { v7 as newId } from "uuid";
import type { AnyEvent, Meta, Page } from "../../contracts/index.ts";
import type { Notification, PreferencesChange } from "../../contracts/notifications.ts";
import { joinBus, leaveBus } from "../../lib/event-bus/bus.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { call } from "../../lib/service.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { told } from "../support/told.ts";
import { until } from "../support/until.ts";

let node: TestNode;
let bus: Transport;
beforeAll(async () => {
	node = await startServices(["notifications"]);
	bus = joinBus(node.broker);
});
afterAll(async () => {
	await leaveBus(node.broker);
	await node.stop();
});

type Person = { readonly id: string; readonly meta: Meta };
const inbox = async (who: Person, query = {}) =>
	(await call(node.broker, "notifications.list", { limit: 500, ...query }, who)).items;
const kinds = async (who: Person, query = {}) => (await inbox(who, query)).map(({ kind }) => kind).toReversed();

function created(who: Person, { status = "active", seq = 1, since = new Date() } = {}): AnyEvent {
	const username = who.meta.user?.username ?? "";
	const data = {
		user_id: who.id,
		username,
		email: `${username}@example.com`,
		status: status as "active",
		roles: ["trader"],
		created_at: since.toISOString(),
		updated_at: since.toISOString(),
	} as const;
	return told(seq === 1 ? "users.created" : "users.updated", data, { aggregate: who.id, seq });
}

const filled = (who: Person, order_id: string, at = new Date()) =>
	told(
		"orders.executed",
		{
			order_id,
			user_id: who.id,
			symbol: "BTC-USD",
			side: "buy",
			fills: [],
			filled_quantity: "1",
			remaining_quantity: "0",
			average_price: "60000",
		},
		{ at },
	);
const halted = (scope: "global" | "symbol" | "user", id: string | null) =>
	told("risk.trading_halted", { scope, id, mode: "halted", reason: "Maintenance.", cancel_open: false, by: "a" });
const keyCreated = (who: Person) =>
	told("auth.key_created", { user_id: who.id, key_id: newId(), name: "bot", scopes: ["read"], ip: "192.0.2.1" });

async function mailTo(username: string): Promise<string[]> {
	const folder = path.join(node.dataDir, "mail");
	const files = await readdir(folder).catch(() => []);
	const mails = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8").catch(() => "")));
	return mails.filter((mail) => mail.includes(`To: ${username}@example.com`));
}

/** What happens to a user in some minutes: orders, a stop, logins, limits, a key, a halt and its end. */
function story(who: Person): AnyEvent[] {
	let minute = 0;
	const at = () => new Date(Date.UTC(2026, 0, 1, 0, minute++));
	const status = (order_id: string, from: string, to: string, seq: number) => {
		const data = { order_id, user_id: who.id, symbol: "BTC-USD", from, to, reject_code: null };
		const of = { at: at(), aggregate: `${who.id}-${order_id}`, seq };
		return told("orders.status_updated", data as never, of);
	};
	const fill = (order_id: string, filled_quantity: string, remaining_quantity: string, seq: number, when = at()) => {
		const data = { order_id, user_id: who.id, symbol: "BTC-USD", side: "sell", fills: [], average_price: "1" } as const;
		const of = { at: when, aggregate: `${who.id}-${order_id}`, seq };
		return told("orders.executed", { ...data, filled_quantity, remaining_quantity }, of);
	};
	const login = (ip: string) =>
		told("auth.logged_in", { user_id: who.id, session_id: newId(), ip, user_agent: "test" }, { at: at() });
	return [
		login("192.0.2.1"),
		status("o1", "pending", "open", 2),
		fill("o1", "0.4", "0.6", 3),
		status("o1", "open", "partially_filled", 4),
		login("192.0.2.2"),
		fill("o1", "0.7", "0.3", 5),
		// The fills of one report in two events.
		fill("o1", "1", "0", 6, new Date(Date.UTC(2026, 0, 1, 0, minute))),
		fill("o1", "1", "0", 7),
		status("o1", "partially_filled", "filled", 8),
		status("o2", "pending", "rejected", 2),
		status("o3", "pending", "held", 2),
		status("o3", "held", "open", 3),
		status("o3", "open", "expired", 4),
		status("o4", "pending", "open", 2),
		status("o4", "open", "canceled", 3),
		login("2001:db8::1"),
		told(
			"risk.limits_changed",
			{ scope: who.id, max_order_notional: "5", max_open_orders: 3, updated_at: "" },
			{ at: at() },
		),
		told("auth.key_created", { user_id: who.id, key_id: "k1", name: "bot", scopes: ["read"], ip: "::1" }, { at: at() }),
		told(
			"risk.trading_halted",
			{ scope: "user", id: who.id, mode: "reducing", reason: "Checks.", cancel_open: false, by: "a" },
			{ at: at() },
		),
		told("risk.trading_resumed", { scope: "user", id: who.id, by: "a" }, { at: at() }),
		told(
			"events.subscription_disabled",
			{ subscription_id: "s1", user_id: who.id, url: "https://example.com/", reason: "Answered with status 500" },
			{ at: at() },
		),
	];
}
const KINDS_OF_STORY = [
	"order_partly_filled",
	"login_new_place",
	"order_partly_filled",
	"order_filled",
	"order_rejected",
	"stop_triggered",
	"order_expired",
	"order_canceled",
	"login_new_place",
	"limits_changed",
	"key_created",
	"trading_halted",
	"trading_halted",
	"webhook_disabled",
];

function shuffled<T>(items: readonly T[]): T[] {
	return items
		.map((item) => ({ item, rank: Math.random() }))
		.toSorted((a, b) => a.rank - b.rank)
		.map(({ item }) => item);
}

test("every event delivered three times and in any order gives the inbox that it gives once and in order", async () => {
	const [once, often] = [person("once"), person("often")];
	await bus.publish(story(once));
	const expected = await inbox(once);
	expect(expected.map(({ kind }) => kind).toReversed()).toEqual(KINDS_OF_STORY);

	const events = story(often);
	const deliveries = shuffled([...events, ...events, ...events]);
	while (deliveries.length > 0) await bus.publish(deliveries.splice(0, 1 + Math.floor(Math.random() * 5)));
	await until(async () => (await inbox(often)).length >= expected.length);
	const bare = (list: readonly Notification[]) =>
		JSON.stringify(list.map(({ notification_id: _, ...rest }) => rest)).replaceAll(/[0-9a-f-]{36}/g, "<id>");
	expect(bare(await inbox(often))).toBe(bare(expected));
});

test("the halt of a user is that user's, the halt of a market is everybody's and kept once", async () => {
	const [ann, bob, late] = [person("ann"), person("bob"), person("late")];
	await bus.publish([created(ann), created(bob), halted("user", ann.id), halted("symbol", "BTC-USD")]);
	const tomorrow = new Date(Date.now() + 24 * 3_600_000);
	await bus.publish([created(late, { since: tomorrow })]);
	expect(await kinds(ann)).toEqual(["trading_halted", "market_halted"]);
	expect(await kinds(bob)).toEqual(["market_halted"]);
	expect(await kinds(late)).toEqual([]);
	const [{ count } = { count: -1 }] = await node.dbs.notifications.query<{ count: number }>(
		"SELECT count(*)::integer AS count FROM notifications WHERE kind = 'market_halted'",
	);
	expect(count).toBe(1);

	const [{ notification_id } = { notification_id: "" }] = await inbox(bob);
	const read = await call(node.broker, "notifications.read", { notification_id }, bob);
	expect(read).toMatchObject({ kind: "market_halted", read_at: expect.any(String) });
	expect(await call(node.broker, "notifications.read", { notification_id }, bob)).toEqual(read);
	expect(await inbox(bob, { unread: true })).toEqual([]);
	expect(await inbox(bob, { unread: false })).toEqual([read]);
	expect(await kinds(ann, { unread: true })).toEqual(["trading_halted", "market_halted"]);
	expect(await call(node.broker, "notifications.readAll", undefined, ann)).toEqual({ read: 2 });
	expect(await call(node.broker, "notifications.readAll", undefined, ann)).toEqual({ read: 0 });
	expect(await inbox(ann, { unread: true })).toEqual([]);

	await call(node.broker, "notifications.setPreferences", { market_halted: { inbox: false } }, bob);
	expect(await inbox(bob)).toEqual([]);
});

test("the halt of a market goes by mail to those who asked for it, unless they are suspended", async () => {
	const [asked, silent, suspended] = [person("asked"), person("silent"), person("suspended")];
	const mail = { market_halted: { email: true } };
	await bus.publish([created(asked), created(silent), created(suspended)]);
	await bus.publish([created(suspended, { status: "suspended", seq: 2 })]);
	for (const who of [asked, suspended]) await call(node.broker, "notifications.setPreferences", mail, who);
	await bus.publish([halted("global", null)]);
	await until(async () => (await mailTo("asked")).length === 1);
	expect((await mailTo("asked"))[0]).toMatch(/^Subject: Trading is halted\r?$/m);
	const [{ receivers } = { receivers: "" }] = await node.dbs.notifications.query<{ receivers: string }>(
		`SELECT string_agg(d.user_id::text, ',') AS receivers FROM dispatches d JOIN notifications n USING (notification_id)
		WHERE n.kind = 'market_halted' AND n.data ->> 'scope' = 'global'`,
	);
	expect(receivers).toBe(asked.id);
});

test("who is known by no more than an event gets the mail once the address is known", async () => {
	const who = person("unheard");
	await bus.publish([keyCreated(who)]);
	const { notifications: db } = node.dbs;
	const dispatch = "SELECT state, attempts, last_error FROM dispatches WHERE user_id = $1";
	await until(async () => (await db.query<{ attempts: number }>(dispatch, [who.id]))[0]?.attempts === 1);
	expect(await db.query(dispatch, [who.id])).toEqual([
		{ state: "pending", attempts: 1, last_error: "The address of the user is not known yet" },
	]);
	await bus.publish([created(who)]);
	await db.query("UPDATE dispatches SET next_try_at = now() WHERE user_id = $1", [who.id]);
	await until(async () => (await mailTo("unheard")).length === 1);
	expect((await mailTo("unheard"))[0]).toMatch(/^Subject: New API key: bot\r?$/m);
});

test("mail goes to the address that a user has now, and to nobody who is suspended", async () => {
	const [moved, out] = [person("moved"), person("out")];
	// The news comes before the olds.
	await bus.publish([created(moved, { seq: 2 }), created(out, { status: "suspended", seq: 2 })]);
	const old = created({ ...moved, meta: person("moved-before").meta });
	await bus.publish([old, created(out), keyCreated(moved), keyCreated(out)]);
	await until(async () => (await mailTo("moved")).length === 1);
	const { notifications: db } = node.dbs;
	const ended = "SELECT state, last_error FROM dispatches WHERE user_id = $1 AND state <> 'pending'";
	await until(async () => (await db.query(ended, [out.id])).length === 1);
	expect(await db.query(ended, [out.id])).toEqual([{ state: "failed", last_error: "The user is suspended" }]);
	expect([...(await mailTo("moved-before")), ...(await mailTo("out"))]).toEqual([]);
	expect(await kinds(out)).toContain("key_created");
});

test("what happened long before it is heard of is in the inbox and not in the mail", async () => {
	const who = person("asleep");
	const old = { ...keyCreated(who), timestamp: new Date(Date.now() - 25 * 3_600_000).toISOString() };
	await bus.publish([created(who), old]);
	expect(await kinds(who)).toEqual(["key_created"]);
	expect(await node.dbs.notifications.query("SELECT FROM dispatches WHERE user_id = $1", [who.id])).toEqual([]);
});

test("a user chooses where each kind goes; every change is told once", async () => {
	const who = person("chooser");
	const setPreferences = (change: PreferencesChange) => call(node.broker, "notifications.setPreferences", change, who);
	await setPreferences({ order_filled: { inbox: false, webhook: false } });
	await setPreferences({ order_filled: { inbox: false } });
	const changed = await setPreferences({ key_created: { email: false } });
	expect(changed.order_filled).toEqual({ inbox: false, email: false, webhook: false });
	expect(await call(node.broker, "notifications.preferences", undefined, who)).toEqual(changed);
	await bus.publish([filled(who, "o1"), keyCreated(who)]);
	expect(await kinds(who, { kind: "order_filled" })).toEqual([]);
	expect(await kinds(who)).toContain("key_created");
	expect(await node.dbs.notifications.query("SELECT FROM dispatches WHERE user_id = $1", [who.id])).toEqual([]);

	const events = await node.dbs.notifications.query(
		"SELECT type, aggregate_seq::integer, data, actor FROM outbox WHERE aggregate_id = $1 ORDER BY position",
		[`notification-preferences:${who.id}`],
	);
	expect(events).toMatchObject([
		{ type: "notifications.preferences_changed", aggregate_seq: 1, actor: { user_id: who.id } },
		{ aggregate_seq: 2, data: { user_id: who.id, preferences: changed } },
	]);
});

test.each([
	["an unknown kind", { order_lost: { inbox: true } }],
	["an unknown channel", { order_filled: { pigeon: true } }],
	["a channel that is neither on nor off", { order_filled: { inbox: "yes" } }],
	["a kind that is no object", { order_filled: true }],
])("%s cannot be chosen", async (_what, change) => {
	const who = person("confused");
	const refused = call(node.broker, "notifications.setPreferences", change as object, who);
	await expect(refused).rejects.toMatchObject({ code: 422 });
});

test("an inbox is read by pages, by kind, and by its owner alone", async () => {
	const [who, other] = [person("reader"), person("other")];
	const at = (i: number) => new Date(Date.now() - 60_000 + i);
	await bus.publish(Array.from({ length: 7 }, (_, i) => filled(who, `o${i}`, at(i))));
	const own = (await inbox(who, { kind: "order_filled" })).map(({ notification_id }) => notification_id);
	expect(own).toHaveLength(7);
	const seen: string[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const query = { kind: "order_filled" as const, limit: 3, ...(cursor && { cursor }) };
		const page: Page<Notification> = await call(node.broker, "notifications.list", query, who);
		expect(page.items.length).toBeLessThanOrEqual(3);
		seen.push(...page.items.map(({ notification_id }) => notification_id));
		cursor = page.next_cursor;
	}
	expect(seen).toEqual(own);
	expect(await inbox(who, { kind: "key_created" })).toEqual([]);
	const [notification_id = ""] = own;
	const foreign = call(node.broker, "notifications.read", { notification_id }, other);
	await expect(foreign).rejects.toMatchObject({ type: "NOT_FOUND" });
	expect(await inbox(who, { unread: false })).toEqual([]);
});

test("a user keeps a thousand notifications, and none for longer than ninety days", async () => {
	const who = person("hoarder");
	const day = 24 * 3_600_000;
	await bus.publish([filled(who, "ancient", new Date(Date.now() - 91 * day))]);
	const recent = (i: number) => filled(who, `o${i}`, new Date(Date.now() - 89 * day + i));
	for (const start of [0, 500, 1_000])
		await bus.publish(Array.from({ length: start === 1_000 ? 5 : 500 }, (_, i) => recent(start + i)));
	const { notifications: db } = node.dbs;
	const own = "SELECT key FROM notifications WHERE user_id = $1 ORDER BY notification_id";
	await until(async () => (await db.query(own, [who.id])).length === 1_000, 20_000);
	expect((await db.query(own, [who.id]))[0]).toEqual({ key: "o5" });
});

test("fifty places are known of a user, those where the user was last", async () => {
	const who = person("traveller");
	const login = (i: number) =>
		told(
			"auth.logged_in",
			{ user_id: who.id, session_id: newId(), ip: `192.0.2.${i}`, user_agent: "" },
			{ at: new Date(Date.now() - 3_600_000 + i * 1_000) },
		);
	await bus.publish(Array.from({ length: 60 }, (_, i) => login(i)));
	const places = await node.dbs.notifications.query<{ ip: string }>(
		"SELECT ip FROM places WHERE user_id = $1 ORDER BY last_seen_at",
		[who.id],
	);
	expect(places).toHaveLength(50);
	expect(places[0]).toEqual({ ip: "192.0.2.10" });
	expect(await kinds(who, { kind: "login_new_place" })).toHaveLength(59);
	await bus.publish([told("auth.logged_in", { user_id: who.id, session_id: newId(), ip: "", user_agent: "" })]);
	expect(await kinds(who, { kind: "login_new_place" })).toHaveLength(59);
});
