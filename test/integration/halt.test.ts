import { call } from "../../lib/service.ts";
import { items } from "../support/callers.ts";
import { BUY, type HaltDesk, haltDesk, REASON, SELL } from "../support/halts.ts";
import type { Member, Reply } from "../support/http-client.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { PLAIN } from "../support/orders.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let ann: Member;
let bob: Member;
let desk: HaltDesk;
beforeAll(async () => {
	api = await startApi();
	desk = await haltDesk(api);
	[ann, bob] = [await desk.trader("ann"), await desk.trader("bob")];
});
afterAll(() => api.stop());
afterEach(() => desk.clear(ann, bob));

const statusOf = async (who: Member, orderId: string) =>
	(await desk.send(`GET /api/orders/${orderId}`, who)).body["status"] as string;

/** Halts with `cancel_open`, and waits until nothing is left to cancel. */
async function haltAndCancel(request: object): Promise<string> {
	const id = `halt-${crypto.randomUUID()}`;
	const body = { mode: "halted", reason: REASON, cancel_open: true, ...request };
	const reply = await desk.send("POST /api/risk/halt", { ...desk.admin, body, headers: { "X-Request-Id": id } });
	expect(reply).toMatchObject({ status: 200, body: request });
	const done = "SELECT FROM cancel_sweeps WHERE correlation_id = $1 AND done_at IS NOT NULL";
	await until(async () => (await api.dbs.orders.query(done, [id])).length === 1);
	return id;
}

const DENIED = { status: 422, body: { code: "TRADING_HALTED", order_id: expect.any(String) } };

test("when everything is halted no new order is taken, by anybody, and what rests can be canceled", async () => {
	const resting = await desk.placed(ann, BUY);
	expect(await desk.halt({ scope: "global" })).toMatchObject({
		status: 200,
		body: { scope: "global", id: null, mode: "halted", reason: REASON, by: expect.any(String), version: 1 },
	});
	for (const who of [ann, bob])
		for (const order of [BUY, SELL]) expect(await desk.place(who, order)).toMatchObject(DENIED);
	expect(await desk.place(ann, { symbol: "ETH-USD", side: "sell", quantity: "1" })).toMatchObject(DENIED);
	expect(await desk.send("POST /api/orders/validate", { ...ann, body: BUY })).toMatchObject({
		status: 200,
		body: { allowed: false, code: "TRADING_HALTED", limit: null, observed: null },
	});
	expect(await statusOf(ann, resting)).toBe("open");
	expect(await desk.send(`DELETE /api/orders/${resting}`, ann)).toMatchObject({
		status: 200,
		body: { status: "canceled" },
	});

	expect(await desk.resume({ scope: "global" })).toMatchObject({ status: 200, body: { mode: "active", version: 2 } });
	await desk.placed(ann, BUY);
});

test("a denied order is kept as rejected, with its code", async () => {
	await desk.halt({ scope: "global" });
	const { body } = await desk.place(ann, BUY);
	expect((await desk.send(`GET /api/orders/${String(body["order_id"])}`, ann)).body).toMatchObject({
		status: "rejected",
		reject_code: "TRADING_HALTED",
		closed_at: expect.any(String),
	});
});

test("a halted symbol leaves other symbols alone", async () => {
	await desk.halt({ scope: "symbol", id: "BTC-USD" });
	for (const who of [ann, bob]) {
		expect(await desk.place(who, BUY)).toMatchObject(DENIED);
		await desk.placed(who, { ...BUY, symbol: "ETH-USD" });
	}
});

test("a halted user leaves other users alone", async () => {
	await desk.halt({ scope: "user", id: ann.user_id });
	expect(await desk.place(ann, BUY)).toMatchObject(DENIED);
	expect(await desk.place(ann, { ...SELL, symbol: "ETH-USD" })).toMatchObject(DENIED);
	await desk.placed(bob, BUY);
});

test("where trading only reduces, sells pass and buys do not", async () => {
	const resting = await desk.placed(ann, BUY);
	await desk.halt({ scope: "symbol", id: "BTC-USD", mode: "reducing" });
	expect(await desk.place(ann, BUY)).toMatchObject({ status: 422, body: { code: "REDUCE_ONLY" } });
	expect(await desk.send("POST /api/orders/validate", { ...ann, body: BUY })).toMatchObject({
		body: { allowed: false, code: "REDUCE_ONLY" },
	});
	await desk.placed(bob, SELL);
	expect(await desk.place(bob, { symbol: "BTC-USD", side: "sell", quantity: "0.1" })).toMatchObject({
		status: 201,
		body: { status: "filled", average_price: "100" },
	});
	await until(async () => (await statusOf(ann, resting)) === "filled");
	expect(await desk.place(bob, { ...SELL, quantity: "1000", price: "1000" })).toMatchObject({ status: 201 });
	expect(await desk.place(bob, { ...SELL, quantity: "9999", price: "1000" })).toMatchObject({ status: 201 });
});

test("the most restrictive of all scopes decides", async () => {
	await desk.halt({ scope: "global", mode: "reducing" });
	await desk.halt({ scope: "user", id: ann.user_id });
	expect(await desk.place(ann, SELL)).toMatchObject(DENIED);
	expect(await desk.place(bob, BUY)).toMatchObject({ body: { code: "REDUCE_ONLY" } });
	await desk.placed(bob, SELL);
	await desk.resume({ scope: "user", id: ann.user_id });
	await desk.placed(ann, SELL);
});

test("limits hold on beside a halt, and a halt is told before a limit", async () => {
	const tooLarge = { ...BUY, quantity: "1000", price: "1000000" };
	await desk.halt({ scope: "symbol", id: "ETH-USD" });
	expect(await desk.place(ann, tooLarge)).toMatchObject({ body: { code: "MAX_ORDER_NOTIONAL" } });
	expect(await desk.place(ann, { ...tooLarge, symbol: "ETH-USD" })).toMatchObject(DENIED);
});

test("traders who cancel everything while their new orders are denied leave nothing behind", async () => {
	await desk.halt({ scope: "global" });
	const lines: Record<string, unknown>[] = [];
	let placing = true;
	const canceling = (async () => {
		while (placing) lines.push(...items(await desk.send("DELETE /api/orders", ann)));
	})();
	for (let i = 0; i < 15; i++) await Promise.all(Array.from({ length: 20 }, () => desk.place(ann, BUY)));
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
	await desk.halt({ scope: "global" });
	expect(await check()).toMatchObject({ allowed: true });
	order.order_id = crypto.randomUUID();
	expect(await check()).toMatchObject({ code: "TRADING_HALTED" });
	await desk.resume({ scope: "global" });
	expect(await check()).toMatchObject({ code: "TRADING_HALTED" });
});

describe("a halt that cancels open orders", () => {
	/** Per user, symbol and side one order; and what each is, by its id. */
	async function spread(): Promise<Map<string, { who: Member; symbol: string; side: string }>> {
		const orders = new Map<string, { who: Member; symbol: string; side: string }>();
		for (const who of [ann, bob])
			for (const symbol of ["BTC-USD", "ETH-USD"])
				for (const order of [BUY, SELL])
					orders.set(await desk.placed(who, { ...order, symbol }), { who, symbol, side: order.side });
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
		await until(async () => (await desk.told(first)).length === 3);
		expect((await desk.told(first)).at(-1)).toMatchObject({
			type: "orders.status_updated",
			data: { to: "canceled" },
			correlation_id: requestId,
			actor: null,
		});
	});

	test("gives back what they held", async () => {
		await spread();
		const held = async () => items(await desk.send("GET /api/trading/balances", ann)).map((balance) => balance["held"]);
		expect(await held()).not.toContain("0");
		await haltAndCancel({ scope: "user", id: ann.user_id });
		expect(await held()).toEqual(["0", "0", "0"]);
	});

	test("leaves alone what is placed once trading has resumed", async () => {
		await haltAndCancel({ scope: "user", id: ann.user_id });
		await desk.resume({ scope: "user", id: ann.user_id });
		const later = await desk.placed(ann, BUY);
		await haltAndCancel({ scope: "symbol", id: "ETH-USD" });
		expect(await statusOf(ann, later)).toBe("open");
	});

	test("holds while eight traders place 200 orders: none is accepted after it, and none stays open", async () => {
		const traders = await Promise.all(Array.from({ length: 8 }, (_, i) => desk.trader(`crowd-${i}`)));
		const replies: { readonly afterHalt: boolean; readonly reply: Reply }[] = [];
		let halted = false;
		const trading = Promise.all(
			traders.map(async (who) => {
				for (let i = 0; i < 25; i++) {
					const afterHalt = halted;
					replies.push({ afterHalt, reply: await desk.place(who, i % 2 ? BUY : SELL) });
				}
			}),
		);
		await until(() => replies.length >= 60);
		const canceling = haltAndCancel({ scope: "global" });
		await until(async () => (await desk.halts()).length === 1);
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

test("exposure is what open orders can still trade, to the last digit", async () => {
	const exposure = async (who: Member) => (await desk.send("GET /api/risk/exposure", who)).body;
	expect(await exposure(ann)).toEqual({ items: [], next_cursor: null });
	await desk.placed(ann, { symbol: "BTC-USD", side: "buy", quantity: "0.01234567", price: "61837.63" });
	await desk.placed(ann, { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "1000.01" });
	await desk.placed(ann, { symbol: "BTC-USD", side: "sell", quantity: "2", price: "99999.99" });
	await desk.placed(ann, { symbol: "ETH-USD", side: "sell", quantity: "3", price: "2500.5" });
	await desk.placed(bob, { symbol: "ETH-USD", side: "buy", quantity: "1", price: "7" });
	expect(
		await desk.place(bob, { symbol: "BTC-USD", side: "sell", quantity: "0.00234567", price: "61837.63" }),
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
	expect(await verifiedInvariants()).toContain("I14");
});
