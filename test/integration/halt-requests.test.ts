import { call } from "../../lib/service.ts";
import { items } from "../support/callers.ts";
import { type HaltDesk, haltDesk, REASON, type Shown } from "../support/halts.ts";
import { join, type Member } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let ann: Member;
let bob: Member;
let desk: HaltDesk;
beforeAll(async () => {
	api = await startApi();
	desk = await haltDesk(api);
	[ann, bob] = await Promise.all([join(desk.send, "ann"), join(desk.send, "bob")]);
});
afterAll(() => api.stop());
afterEach(() => desk.clear());

describe("asked for again", () => {
	const id = "SOL-USD";
	const key = `trading-state:symbol:${id}`;
	const types = async () => (await desk.told(key)).map(({ type, aggregate_seq }) => `${aggregate_seq} ${type}`);

	test("the same halt, twenty times at once, is one; another reason, mode or cancel is another", async () => {
		const replies = await Promise.all(Array.from({ length: 20 }, () => desk.halt({ scope: "symbol", id })));
		expect(new Set(replies.map(({ body }) => JSON.stringify(body)))).toEqual(
			new Set([JSON.stringify({ ...replies[0]?.body, version: 1 })]),
		);
		const since = replies[0]?.body["since"];
		const next = (over: object) => desk.halt({ scope: "symbol", id, ...over }).then(({ body }) => body);
		expect(await next({ reason: "still looking" })).toMatchObject({ reason: "still looking", version: 2, since });
		expect(await next({ reason: "still looking", cancel_open: true })).toMatchObject({ version: 3, since });
		expect(await next({ reason: "still looking", cancel_open: true })).toMatchObject({ version: 3 });
		expect(await next({ reason: "still looking" })).toMatchObject({ version: 3 });
		const reducing = await next({ mode: "reducing" });
		expect(reducing).toMatchObject({ mode: "reducing", version: 4 });
		expect(reducing["since"]).not.toBe(since);

		const resumed = await desk.resume({ scope: "symbol", id, reason: "all clear" });
		expect(resumed).toMatchObject({ status: 200, body: { mode: "active", reason: "all clear", version: 5 } });
		expect((await desk.resume({ scope: "symbol", id })).body).toEqual(resumed.body);
		await until(async () => (await desk.told(key)).length === 5);
		expect(await types()).toEqual([
			...[1, 2, 3, 4].map((seq) => `${seq} risk.trading_halted`),
			"5 risk.trading_resumed",
		]);
		const by = String(replies[0]?.body["by"]);
		const halted = { scope: "symbol", id, mode: "halted", by };
		expect((await desk.told(key)).map(({ data }) => data)).toEqual([
			{ ...halted, reason: REASON, cancel_open: false },
			{ ...halted, reason: "still looking", cancel_open: false },
			{ ...halted, reason: "still looking", cancel_open: true },
			{ ...halted, mode: "reducing", reason: REASON, cancel_open: false },
			{ scope: "symbol", id, by },
		]);
		expect((await desk.told(key))[0]?.actor).toMatchObject({ user_id: by });
	});

	test("what was never halted is resumed without a word", async () => {
		expect(await desk.resume({ scope: "symbol", id: "ADA-USD" })).toMatchObject({
			status: 200,
			body: { scope: "symbol", id: "ADA-USD", mode: "active", reason: null, by: null, since: null, version: 0 },
		});
		expect(await api.dbs.risk.query("SELECT FROM outbox WHERE aggregate_id LIKE '%ADA-USD'")).toEqual([]);
	});
});

test("everybody sees what is halted for all or for himself; an admin sees all of it, by pages", async () => {
	await desk.halt({ scope: "global", mode: "reducing" });
	await desk.halt({ scope: "symbol", id: "BTC-USD" });
	for (const { user_id } of [ann, bob]) await desk.halt({ scope: "user", id: user_id });
	const scopes = (shown: readonly Shown[]) => shown.map(({ scope, id }) => [scope, id]);
	const forAll = [
		["global", null],
		["symbol", "BTC-USD"],
	];
	expect(scopes(await desk.halts(ann))).toEqual([...forAll, ["user", ann.user_id]]);
	expect((await desk.halts(ann)).map(({ by }) => by)).toEqual([null, null, null]);
	const everything = await desk.halts();
	expect(scopes(everything)).toEqual([...forAll, ["user", ann.user_id], ["user", bob.user_id]]);
	expect(everything.every(({ by }) => by !== null)).toBe(true);

	const first = await desk.send("GET /api/risk/status?limit=3", desk.admin);
	const rest = await desk.send(`GET /api/risk/status?cursor=${String(first.body["next_cursor"])}`, desk.admin);
	expect([...items(first), ...items(rest)]).toEqual(everything);
	expect(rest.body["next_cursor"]).toBeNull();
	expect(await desk.send("GET /api/risk/status?cursor=bm9wZQ", desk.admin)).toMatchObject({ status: 422 });

	await desk.resume({ scope: "symbol", id: "BTC-USD" });
	expect(scopes(await desk.halts(bob))).toEqual([
		["global", null],
		["user", bob.user_id],
	]);
});

test("only admins halt and resume", async () => {
	expect(await desk.halt({ scope: "global" }, ann)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	expect(await desk.resume({ scope: "global" }, ann)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	expect(await desk.send("POST /api/risk/halt", { body: { scope: "global" } })).toMatchObject({ status: 401 });
	expect(await desk.send("GET /api/risk/status")).toMatchObject({ status: 401 });
	expect(await desk.halts()).toEqual([]);
});

test.each([
	["no scope", { scope: undefined }, "/scope", "REQUIRED"],
	["a scope that there is not", { scope: "market" }, "/scope", "NOT_ALLOWED"],
	["no mode", { mode: undefined }, "/mode", "REQUIRED"],
	["the mode active", { mode: "active" }, "/mode", "NOT_ALLOWED"],
	["no reason", { reason: undefined }, "/reason", "REQUIRED"],
	["an empty reason", { reason: "" }, "/reason", "INVALID_FORMAT"],
	["a blank reason", { reason: "  " }, "/reason", "INVALID_FORMAT"],
	["a reason of 201 characters", { reason: "x".repeat(201) }, "/reason", "TOO_LONG"],
	["a number for a reason", { reason: 7 }, "/reason", "INVALID_TYPE"],
	["an id for everything", { id: "BTC-USD" }, "/id", "NOT_ALLOWED"],
	["a symbol without its name", { scope: "symbol" }, "/id", "REQUIRED"],
	["a symbol that cannot be", { scope: "symbol", id: "'; DROP TABLE orders; --" }, "/id", "INVALID_FORMAT"],
	["a user without an id", { scope: "user" }, "/id", "REQUIRED"],
	["a user by name", { scope: "user", id: "ann" }, "/id", "INVALID_FORMAT"],
	["a list for an id", { scope: "symbol", id: ["BTC-USD"] }, "/id", "INVALID_TYPE"],
	["a word for a flag", { cancel_open: "yes" }, "/cancel_open", "INVALID_TYPE"],
	["a field more", { until: "noon" }, "/until", "UNKNOWN_FIELD"],
])("a halt with %s is refused, and nothing is halted", async (_what, over, pointer, code) => {
	expect(await desk.halt({ scope: "global", ...over })).toMatchObject({
		status: 422,
		body: { code: code === "UNKNOWN_FIELD" ? code : "VALIDATION_FAILED", errors: [{ pointer, code }] },
	});
	expect(await desk.halts()).toEqual([]);
});

test.each([
	["a mode", { mode: "active" }],
	["no scope", { scope: undefined }],
	["an id for everything", { id: "BTC-USD" }],
])("a resumption with %s is refused", async (_what, over) => {
	expect(await desk.resume({ scope: "global", ...over })).toMatchObject({ status: 422 });
});

test("a reason that no row can hold is refused", async () => {
	const { token } = desk.admin;
	const body = '{"scope": "global", "mode": "halted", "reason": "\\ud800"}';
	expect((await desk.send("POST /api/risk/halt", { token, body })).status).toBe(422);
	const meta = { user: { user_id: ann.user_id, username: "root", roles: ["admin"], session_id: ann.user_id } } as const;
	for (const reason of ["a\0b", "a\ud800"])
		await expect(
			call(api.broker, "risk.halt", { scope: "global", mode: "halted", reason }, { meta }),
		).rejects.toMatchObject({ code: 422, data: { errors: [{ pointer: "/reason", code: "INVALID_CHARACTER" }] } });
	expect(await desk.halts()).toEqual([]);
});
