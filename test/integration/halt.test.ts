import { type Finding, verify } from "../../cli/verify/run.ts";
import type { Envelope } from "../../contracts/events.ts";
import { env } from "../../lib/env.ts";
import { call } from "../../lib/service.ts";
import { httpClient, join, logIn, type Member, type Reply, type Send } from "../support/http-client.ts";
import { PLAIN } from "../support/orders.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let send: Send;
let ann: Member;
let bob: Member;
let admin: { token: string };
beforeAll(async () => {
	api = await startApi();
	send = httpClient(api.baseUrl);
	const operator = { username: "operator", email: "operator@example.com", password: "operations" };
	await call(api.broker, "auth.provision", { ...operator, roles: ["admin"] });
	admin = await logIn(send, operator.username, operator.password);
	[ann, bob] = [await trader("ann"), await trader("bob")];
});
afterAll(() => api.stop());
afterEach(async () => {
	for (const { scope, id } of await halts())
		await resume({ scope, ...(id !== null && { id }) }).then(({ status }) => expect(status).toBe(200));
	for (const member of [ann, bob]) await send("DELETE /api/orders", member);
});

/** A user with plenty of everything, who may have more orders open than most. */
async function trader(username: string): Promise<Member> {
	const member = await join(send, username);
	for (const asset of ["BTC", "ETH", "USD"]) {
		const body = { user_id: member.user_id, asset, amount: "1000000" };
		await send("POST /api/trading/deposits", { ...admin, body, headers: { "Idempotency-Key": username + asset } });
	}
	await send(`PUT /api/risk/limits/${member.user_id}`, { ...admin, body: { max_open_orders: 1_000 } });
	return member;
}

const REASON = "fat finger";
const halt = (request: object, who = admin) =>
	send("POST /api/risk/halt", { ...who, body: { mode: "halted", reason: REASON, ...request } });
const resume = (request: object, who = admin) => send("POST /api/risk/resume", { ...who, body: request });

interface Shown {
	readonly scope: string;
	readonly id: string | null;
	readonly by: string | null;
}
const items = ({ body }: Reply) => body["items"] as Record<string, unknown>[];
const halts = async (who: { token: string } = admin) =>
	items(await send("GET /api/risk/status?limit=500", who)) as unknown as Shown[];

const buy = { symbol: "BTC-USD", side: "buy", quantity: "0.1", price: "100" };
const sell = { symbol: "BTC-USD", side: "sell", quantity: "0.1", price: "90000" };
const place = (who: Member, order: object) => send("POST /api/orders", { ...who, body: order });

async function placed(who: Member, order: object): Promise<string> {
	const { status, body } = await place(who, order);
	expect([status, body["status"]]).toEqual([201, "open"]);
	return String(body["order_id"]);
}

const statusOf = async (who: Member, orderId: string) =>
	(await send(`GET /api/orders/${orderId}`, who)).body["status"] as string;
const told = async (aggregateId: string) =>
	items(await send(`GET /api/events?aggregate_id=${aggregateId}`, admin)) as unknown as Envelope[];

/** Halts with `cancel_open`, and waits until nothing is left to cancel. */
async function haltAndCancel(request: object): Promise<string> {
	const id = `halt-${crypto.randomUUID()}`;
	const body = { mode: "halted", reason: REASON, cancel_open: true, ...request };
	const reply = await send("POST /api/risk/halt", { ...admin, body, headers: { "X-Request-Id": id } });
	expect(reply).toMatchObject({ status: 200, body: request });
	const done = "SELECT FROM cancel_sweeps WHERE correlation_id = $1 AND done_at IS NOT NULL";
	await until(async () => (await api.dbs.orders.query(done, [id])).length === 1);
	return id;
}

const DENIED = { status: 422, body: { code: "TRADING_HALTED", order_id: expect.any(String) } };

test("when everything is halted no new order is taken, by anybody, and what rests can be canceled", async () => {
	const resting = await placed(ann, buy);
	expect(await halt({ scope: "global" })).toMatchObject({
		status: 200,
		body: { scope: "global", id: null, mode: "halted", reason: REASON, by: expect.any(String), version: 1 },
	});
	for (const who of [ann, bob]) for (const order of [buy, sell]) expect(await place(who, order)).toMatchObject(DENIED);
	expect(await place(ann, { symbol: "ETH-USD", side: "sell", quantity: "1" })).toMatchObject(DENIED);
	expect(await send("POST /api/orders/validate", { ...ann, body: buy })).toMatchObject({
		status: 200,
		body: { allowed: false, code: "TRADING_HALTED", limit: null, observed: null },
	});
	expect(await statusOf(ann, resting)).toBe("open");
	expect(await send(`DELETE /api/orders/${resting}`, ann)).toMatchObject({
		status: 200,
		body: { status: "canceled" },
	});

	expect(await resume({ scope: "global" })).toMatchObject({ status: 200, body: { mode: "active", version: 2 } });
	await placed(ann, buy);
});

test("a denied order is kept as rejected, with its code", async () => {
	await halt({ scope: "global" });
	const { body } = await place(ann, buy);
	expect((await send(`GET /api/orders/${String(body["order_id"])}`, ann)).body).toMatchObject({
		status: "rejected",
		reject_code: "TRADING_HALTED",
		closed_at: expect.any(String),
	});
});

test("a halted symbol leaves other symbols alone", async () => {
	await halt({ scope: "symbol", id: "BTC-USD" });
	for (const who of [ann, bob]) {
		expect(await place(who, buy)).toMatchObject(DENIED);
		await placed(who, { ...buy, symbol: "ETH-USD" });
	}
});

test("a halted user leaves other users alone", async () => {
	await halt({ scope: "user", id: ann.user_id });
	expect(await place(ann, buy)).toMatchObject(DENIED);
	expect(await place(ann, { ...sell, symbol: "ETH-USD" })).toMatchObject(DENIED);
	await placed(bob, buy);
});

test("where trading only reduces, sells pass and buys do not", async () => {
	const resting = await placed(ann, buy);
	await halt({ scope: "symbol", id: "BTC-USD", mode: "reducing" });
	expect(await place(ann, buy)).toMatchObject({ status: 422, body: { code: "REDUCE_ONLY" } });
	expect(await send("POST /api/orders/validate", { ...ann, body: buy })).toMatchObject({
		body: { allowed: false, code: "REDUCE_ONLY" },
	});
	await placed(bob, sell);
	expect(await place(bob, { symbol: "BTC-USD", side: "sell", quantity: "0.1" })).toMatchObject({
		status: 201,
		body: { status: "filled", average_price: "100" },
	});
	await until(async () => (await statusOf(ann, resting)) === "filled");
	expect(await place(bob, { ...sell, quantity: "1000", price: "1000" })).toMatchObject({ status: 201 });
	expect(await place(bob, { ...sell, quantity: "9999", price: "1000" })).toMatchObject({ status: 201 });
});

test("the most restrictive of all scopes decides", async () => {
	await halt({ scope: "global", mode: "reducing" });
	await halt({ scope: "user", id: ann.user_id });
	expect(await place(ann, sell)).toMatchObject(DENIED);
	expect(await place(bob, buy)).toMatchObject({ body: { code: "REDUCE_ONLY" } });
	await placed(bob, sell);
	await resume({ scope: "user", id: ann.user_id });
	await placed(ann, sell);
});

test("limits hold on beside a halt, and a halt is told before a limit", async () => {
	const tooLarge = { ...buy, quantity: "1000", price: "1000000" };
	await halt({ scope: "symbol", id: "ETH-USD" });
	expect(await place(ann, tooLarge)).toMatchObject({ body: { code: "MAX_ORDER_NOTIONAL" } });
	expect(await place(ann, { ...tooLarge, symbol: "ETH-USD" })).toMatchObject(DENIED);
});

test("traders who cancel everything while their new orders are denied leave nothing behind", async () => {
	await halt({ scope: "global" });
	const lines: Record<string, unknown>[] = [];
	let placing = true;
	const canceling = (async () => {
		while (placing) lines.push(...items(await send("DELETE /api/orders", ann)));
	})();
	for (let i = 0; i < 15; i++) await Promise.all(Array.from({ length: 20 }, () => place(ann, buy)));
	placing = false;
	await canceling;
	expect(lines.length).toBeGreaterThan(0);
	await until(async () => (await api.dbs.orders.query("SELECT FROM orders WHERE closed_at IS NULL")).length === 0);
	expect(await api.dbs.orders.query("SELECT last_error FROM deliveries")).toEqual([]);
});

test("an order that was decided on before a halt keeps its decision", async () => {
	const terms = { side: "buy", order_type: "limit", time_in_force: "gtc", quantity: "1", price: "100" } as const;
	const order = { ...PLAIN, order_id: crypto.randomUUID(), user_id: ann.user_id, symbol: "BTC-USD", ...terms };
	const check = () => call(api.broker, "risk.check", { order, open_orders: 1 });
	expect(await check()).toMatchObject({ allowed: true });
	await halt({ scope: "global" });
	expect(await check()).toMatchObject({ allowed: true });
	order.order_id = crypto.randomUUID();
	expect(await check()).toMatchObject({ code: "TRADING_HALTED" });
	await resume({ scope: "global" });
	expect(await check()).toMatchObject({ code: "TRADING_HALTED" });
});

describe("a halt that cancels open orders", () => {
	/** Per user, symbol and side one order; and what each is, by its id. */
	async function spread(): Promise<Map<string, { who: Member; symbol: string; side: string }>> {
		const orders = new Map<string, { who: Member; symbol: string; side: string }>();
		for (const who of [ann, bob])
			for (const symbol of ["BTC-USD", "ETH-USD"])
				for (const order of [buy, sell])
					orders.set(await placed(who, { ...order, symbol }), { who, symbol, side: order.side });
		return orders;
	}

	test.each([
		["of everything", "global", undefined, "halted", () => true],
		["of a symbol", "symbol", () => "BTC-USD", "halted", ({ symbol }) => symbol === "BTC-USD"],
		["of a user", "user", () => ann.user_id, "halted", ({ who }) => who === ann],
		["to reduce everything: the buys", "global", undefined, "reducing", ({ side }) => side === "buy"],
		[
			"to reduce a symbol: its buys",
			"symbol",
			() => "ETH-USD",
			"reducing",
			({ symbol, side }) => symbol === "ETH-USD" && side === "buy",
		],
	] as readonly [
		what: string,
		scope: string,
		id: (() => string) | undefined,
		mode: string,
		canceled: (order: { who: Member; symbol: string; side: string }) => boolean,
	][])("cancels exactly those %s", async (_what, scope, id, mode, canceled) => {
		const orders = await spread();
		const requestId = await haltAndCancel({ scope, ...(id && { id: id() }), mode });
		for (const [orderId, order] of orders) {
			const expected = canceled(order) ? "canceled" : "open";
			expect([order, await statusOf(order.who, orderId)]).toEqual([order, expected]);
		}
		const [first] = [...orders].find(([, order]) => canceled(order)) ?? [""];
		await until(async () => (await told(first)).length === 3);
		expect((await told(first)).at(-1)).toMatchObject({
			type: "orders.status_updated",
			data: { to: "canceled" },
			correlation_id: requestId,
			actor: null,
		});
	});

	test("gives back what they held", async () => {
		await spread();
		const held = async () => items(await send("GET /api/trading/balances", ann)).map((balance) => balance["held"]);
		expect(await held()).not.toContain("0");
		await haltAndCancel({ scope: "user", id: ann.user_id });
		expect(await held()).toEqual(["0", "0", "0"]);
	});

	test("leaves alone what is placed once trading has resumed", async () => {
		await haltAndCancel({ scope: "user", id: ann.user_id });
		await resume({ scope: "user", id: ann.user_id });
		const later = await placed(ann, buy);
		await haltAndCancel({ scope: "symbol", id: "ETH-USD" });
		expect(await statusOf(ann, later)).toBe("open");
	});

	test("holds while eight traders place 200 orders: none is accepted after it, and none stays open", async () => {
		const traders = await Promise.all(Array.from({ length: 8 }, (_, i) => trader(`crowd-${i}`)));
		const replies: { readonly afterHalt: boolean; readonly reply: Reply }[] = [];
		let halted = false;
		const trading = Promise.all(
			traders.map(async (who) => {
				for (let i = 0; i < 25; i++) {
					const afterHalt = halted;
					replies.push({ afterHalt, reply: await place(who, i % 2 ? buy : sell) });
				}
			}),
		);
		await until(() => replies.length >= 60);
		const canceling = haltAndCancel({ scope: "global" });
		await until(async () => (await halts()).length === 1);
		halted = true;
		const [{ now } = { now: new Date() }] = await api.dbs.risk.query<{ now: Date }>("SELECT clock_timestamp() AS now");
		await trading;

		expect(replies).toHaveLength(200);
		const late = replies.filter(({ afterHalt }) => afterHalt);
		expect(late.length).toBeGreaterThan(20);
		expect(late.map(({ reply }) => reply.body["code"])).toEqual(late.map(() => "TRADING_HALTED"));
		expect(replies.filter(({ reply }) => reply.status === 201).length).toBeGreaterThanOrEqual(60);
		expect(new Set(replies.map(({ reply }) => reply.status))).toEqual(new Set([201, 422]));
		expect(
			await api.dbs.risk.query("SELECT order_id FROM decisions WHERE code IS NULL AND decided_at > $1", [now]),
		).toEqual([]);
		await canceling;
		expect(await api.dbs.orders.query("SELECT order_id FROM orders WHERE closed_at IS NULL")).toEqual([]);
	});
});

describe("asked for again", () => {
	const id = "SOL-USD";
	const key = `trading-state:symbol:${id}`;
	const types = async () => (await told(key)).map(({ type, aggregate_seq }) => `${aggregate_seq} ${type}`);

	test("the same halt, twenty times at once, is one; another reason, mode or cancel is another", async () => {
		const replies = await Promise.all(Array.from({ length: 20 }, () => halt({ scope: "symbol", id })));
		expect(new Set(replies.map(({ body }) => JSON.stringify(body)))).toEqual(
			new Set([JSON.stringify({ ...replies[0]?.body, version: 1 })]),
		);
		const since = replies[0]?.body["since"];
		const next = (over: object) => halt({ scope: "symbol", id, ...over }).then(({ body }) => body);
		expect(await next({ reason: "still looking" })).toMatchObject({ reason: "still looking", version: 2, since });
		expect(await next({ reason: "still looking", cancel_open: true })).toMatchObject({ version: 3, since });
		expect(await next({ reason: "still looking", cancel_open: true })).toMatchObject({ version: 3 });
		expect(await next({ reason: "still looking" })).toMatchObject({ version: 3 });
		const reducing = await next({ mode: "reducing" });
		expect(reducing).toMatchObject({ mode: "reducing", version: 4 });
		expect(reducing["since"]).not.toBe(since);

		const resumed = await resume({ scope: "symbol", id, reason: "all clear" });
		expect(resumed).toMatchObject({ status: 200, body: { mode: "active", reason: "all clear", version: 5 } });
		expect((await resume({ scope: "symbol", id })).body).toEqual(resumed.body);
		await until(async () => (await told(key)).length === 5);
		expect(await types()).toEqual([
			...[1, 2, 3, 4].map((seq) => `${seq} risk.trading_halted`),
			"5 risk.trading_resumed",
		]);
		const by = String(replies[0]?.body["by"]);
		const halted = { scope: "symbol", id, mode: "halted", by };
		expect((await told(key)).map(({ data }) => data)).toEqual([
			{ ...halted, reason: REASON, cancel_open: false },
			{ ...halted, reason: "still looking", cancel_open: false },
			{ ...halted, reason: "still looking", cancel_open: true },
			{ ...halted, mode: "reducing", reason: REASON, cancel_open: false },
			{ scope: "symbol", id, by },
		]);
		expect((await told(key))[0]?.actor).toMatchObject({ user_id: by });
	});

	test("what was never halted is resumed without a word", async () => {
		expect(await resume({ scope: "symbol", id: "ADA-USD" })).toMatchObject({
			status: 200,
			body: { scope: "symbol", id: "ADA-USD", mode: "active", reason: null, by: null, since: null, version: 0 },
		});
		expect(await api.dbs.risk.query("SELECT FROM outbox WHERE aggregate_id LIKE '%ADA-USD'")).toEqual([]);
	});
});

test("everybody sees what is halted for all or for himself; an admin sees all of it, by pages", async () => {
	await halt({ scope: "global", mode: "reducing" });
	await halt({ scope: "symbol", id: "BTC-USD" });
	for (const { user_id } of [ann, bob]) await halt({ scope: "user", id: user_id });
	const scopes = (shown: readonly Shown[]) => shown.map(({ scope, id }) => [scope, id]);
	const forAll = [
		["global", null],
		["symbol", "BTC-USD"],
	];
	expect(scopes(await halts(ann))).toEqual([...forAll, ["user", ann.user_id]]);
	expect((await halts(ann)).map(({ by }) => by)).toEqual([null, null, null]);
	const everything = await halts();
	expect(scopes(everything)).toEqual([...forAll, ["user", ann.user_id], ["user", bob.user_id]]);
	expect(everything.every(({ by }) => by !== null)).toBe(true);

	const first = await send("GET /api/risk/status?limit=3", admin);
	const rest = await send(`GET /api/risk/status?cursor=${String(first.body["next_cursor"])}`, admin);
	expect([...items(first), ...items(rest)]).toEqual(everything);
	expect(rest.body["next_cursor"]).toBeNull();
	expect(await send("GET /api/risk/status?cursor=bm9wZQ", admin)).toMatchObject({ status: 422 });

	await resume({ scope: "symbol", id: "BTC-USD" });
	expect(scopes(await halts(bob))).toEqual([
		["global", null],
		["user", bob.user_id],
	]);
});

test("only admins halt and resume", async () => {
	expect(await halt({ scope: "global" }, ann)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	expect(await resume({ scope: "global" }, ann)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	expect(await send("POST /api/risk/halt", { body: { scope: "global" } })).toMatchObject({ status: 401 });
	expect(await send("GET /api/risk/status")).toMatchObject({ status: 401 });
	expect(await halts()).toEqual([]);
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
	expect(await halt({ scope: "global", ...over })).toMatchObject({
		status: 422,
		body: { code: code === "UNKNOWN_FIELD" ? code : "VALIDATION_FAILED", errors: [{ pointer, code }] },
	});
	expect(await halts()).toEqual([]);
});

test.each([
	["a mode", { mode: "active" }],
	["no scope", { scope: undefined }],
	["an id for everything", { id: "BTC-USD" }],
])("a resumption with %s is refused", async (_what, over) => {
	expect(await resume({ scope: "global", ...over })).toMatchObject({ status: 422 });
});

test("a reason that no row can hold is refused", async () => {
	const { token } = admin;
	const body = '{"scope": "global", "mode": "halted", "reason": "\\ud800"}';
	expect((await send("POST /api/risk/halt", { token, body })).status).toBe(422);
	const meta = { user: { user_id: ann.user_id, username: "root", roles: ["admin"], session_id: ann.user_id } } as const;
	for (const reason of ["a\0b", "a\ud800"])
		await expect(
			call(api.broker, "risk.halt", { scope: "global", mode: "halted", reason }, { meta }),
		).rejects.toMatchObject({ code: 422, data: { errors: [{ pointer: "/reason", code: "INVALID_CHARACTER" }] } });
	expect(await halts()).toEqual([]);
});

test("exposure is what open orders can still trade, to the last digit", async () => {
	const exposure = async (who: Member) => (await send("GET /api/risk/exposure", who)).body;
	expect(await exposure(ann)).toEqual({ items: [], next_cursor: null });
	await placed(ann, { symbol: "BTC-USD", side: "buy", quantity: "0.01234567", price: "61837.63" });
	await placed(ann, { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "1000.01" });
	await placed(ann, { symbol: "BTC-USD", side: "sell", quantity: "2", price: "99999.99" });
	await placed(ann, { symbol: "ETH-USD", side: "sell", quantity: "3", price: "2500.5" });
	await placed(bob, { symbol: "ETH-USD", side: "buy", quantity: "1", price: "7" });
	expect(
		await place(bob, { symbol: "BTC-USD", side: "sell", quantity: "0.00234567", price: "61837.63" }),
	).toMatchObject({ body: { status: "filled" } });
	// 0.01 x 61837.63 of the first buy are left, and 0.01 x 1000.01 of the second.
	const expected = {
		items: [
			{ symbol: "BTC-USD", open_orders: 3, open_buy_notional: "628.3764", open_sell_notional: "199999.98" },
			{ symbol: "ETH-USD", open_orders: 1, open_buy_notional: "0", open_sell_notional: "7501.5" },
		],
		next_cursor: null,
	};
	await until(async () => JSON.stringify(await exposure(ann)) === JSON.stringify(expected));
	expect(await exposure(bob)).toMatchObject({ items: [{ symbol: "ETH-USD", open_buy_notional: "7" }] });
});

test("after all of it every invariant holds", async () => {
	const findings: Finding[] = [];
	await verify(env().databaseUrl, (finding) => void findings.push(finding));
	expect(findings.flatMap(({ id, offences }) => offences.map((offence) => `${id}: ${offence}`))).toEqual([]);
	expect(findings.map(({ id }) => id)).toContain("I14");
});
