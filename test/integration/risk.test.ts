import { v7 as newId } from "uuid";
import type { RiskApi } from "../../contracts/risk.ts";
import type { SubmitOrder } from "../../contracts/trading.ts";
import { call } from "../../lib/service.ts";
import { PLAIN } from "../support/orders.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "users", "data", "risk", "trading"]);
});
afterAll(() => node.stop());

const ALLOWED = { allowed: true, code: null, limit: null, observed: null };
const root = person("root", "admin");
type Limits = Parameters<RiskApi["setLimits"]>[0];

const setLimits = (limits: Limits, who = root) => call(node.broker, "risk.setLimits", limits, who);
const check = (asked: SubmitOrder, openOrders = 1, rehearsal = false) =>
	call(node.broker, "risk.check", { order: asked, open_orders: openOrders, ...(rehearsal && { rehearsal }) });

function order(over: Partial<SubmitOrder> = {}): SubmitOrder {
	return {
		...PLAIN,
		order_id: newId(),
		user_id: newId(),
		symbol: "BTC-USD",
		side: "buy",
		order_type: "limit",
		time_in_force: "gtc",
		quantity: "1",
		price: "60000",
		...over,
	};
}

test("an ordinary order is allowed", async () => {
	expect(await check(order())).toEqual(ALLOWED);
});

test("the runtime setting bounds open orders, the default row the notional", async () => {
	expect(await check(order(), 100)).toEqual(ALLOWED);
	expect(await check(order(), 101)).toEqual({ allowed: false, code: "MAX_OPEN_ORDERS", limit: "100", observed: "101" });
	expect(await check(order({ quantity: "100", price: "100000" }))).toEqual(ALLOWED);
	expect(await check(order({ quantity: "100", price: "100000.01" }))).toEqual({
		allowed: false,
		code: "MAX_ORDER_NOTIONAL",
		limit: "10000000",
		observed: "10000001",
	});
});

test("the first decision on an order stands, whatever is asked or set later", async () => {
	const { id: user_id } = person("ann");
	const [denied, allowed] = [order({ user_id }), order({ user_id })];
	await setLimits({ scope: user_id, max_order_notional: "100" });
	const first = await check(denied);
	expect(first).toEqual({ allowed: false, code: "MAX_ORDER_NOTIONAL", limit: "100", observed: "60000" });

	await setLimits({ scope: user_id, max_order_notional: null });
	expect(await check(denied)).toEqual(first);
	expect(await check({ ...denied, price: "1" }, 7)).toEqual(first);
	expect(await check(allowed)).toEqual(ALLOWED);

	await setLimits({ scope: user_id, max_order_notional: "100" });
	expect(await check(allowed)).toEqual(ALLOWED);
	expect(await check(order({ user_id }))).toEqual(first);
});

test("a rehearsal decides by the limits of the moment and keeps nothing", async () => {
	const asked = order();
	expect(await check(asked, 101, true)).toMatchObject({ allowed: false, code: "MAX_OPEN_ORDERS" });
	expect(await check(asked, 1, true)).toEqual(ALLOWED);
	expect(await node.dbs.risk.query("SELECT 1 FROM decisions WHERE order_id = $1", [asked.order_id])).toEqual([]);
	expect(await check(asked)).toEqual(ALLOWED);
	expect(await check(asked, 101, true)).toMatchObject({ allowed: false });
});

test("a thousand that arrive at once get each its own answer", async () => {
	const asked = Array.from({ length: 1_000 }, (_, i) => ({ order: order(), openOrders: 50 + (i % 100) }));
	const decisions = await Promise.all(asked.map((item) => check(item.order, item.openOrders)));
	expect(decisions.map((decision) => decision.observed)).toEqual(
		asked.map(({ openOrders }) => (openOrders > 100 ? String(openOrders) : null)),
	);
	const [kept] = await node.dbs.risk.query<{ count: string }>(
		"SELECT count(*) FROM decisions WHERE order_id = ANY($1::uuid[])",
		[asked.map((item) => item.order.order_id)],
	);
	expect(kept?.count).toBe("1000");
});

test("the same order asked about by many at once has one decision", async () => {
	const asked = order();
	const decisions = await Promise.all(Array.from({ length: 50 }, (_, i) => check(asked, 80 + i)));
	expect(new Set(decisions.map((decision) => JSON.stringify(decision))).size).toBe(1);
});

test("limits go from the user to the default to the setting, each by itself", async () => {
	const ann = person("ann");
	const limits = () => call(node.broker, "risk.limits", undefined, ann);
	const inForce = (notional: string | null, openOrders: number) => ({
		scope: ann.id,
		max_order_notional: notional,
		max_open_orders: openOrders,
	});
	expect(await limits()).toMatchObject(inForce("10000000", 100));

	expect(await setLimits({ scope: ann.id, max_open_orders: 3 })).toMatchObject({
		scope: ann.id,
		max_order_notional: null,
		max_open_orders: 3,
	});
	expect(await limits()).toMatchObject(inForce("10000000", 3));
	await setLimits({ scope: ann.id, max_order_notional: "250.50" });
	expect(await limits()).toMatchObject(inForce("250.5", 3));

	await setLimits({ scope: ann.id, max_open_orders: null, max_order_notional: null });
	await setLimits({ scope: "default", max_open_orders: 70 });
	expect(await limits()).toMatchObject(inForce("10000000", 70));
	await setLimits({ scope: "default", max_open_orders: null });
	expect(await limits()).toMatchObject(inForce("10000000", 100));
});

test("every change of limits is told, numbered without a gap, also of those that came with the database", async () => {
	const { id: scope } = person("ann");
	await Promise.all([1, 2, 3].map((max_open_orders) => setLimits({ scope, max_open_orders })));
	const told = await node.dbs.risk.query<{ aggregate_seq: string; data: { max_open_orders: number } }>(
		"SELECT aggregate_seq, data FROM outbox WHERE aggregate_id = $1 ORDER BY aggregate_seq",
		[`risk-limits:${scope}`],
	);
	expect(told.map((event) => event.aggregate_seq)).toEqual(["1", "2", "3"]);
	expect(new Set(told.map((event) => event.data.max_open_orders))).toEqual(new Set([1, 2, 3]));
	expect(told[0]?.data).toEqual({
		scope,
		max_order_notional: null,
		max_open_orders: expect.any(Number),
		updated_at: expect.any(String),
	});
	const [seed] = await node.dbs.risk.query<{ data: object }>(
		"SELECT data FROM outbox WHERE aggregate_id = 'risk-limits:default' AND aggregate_seq = 1",
	);
	expect(seed?.data).toMatchObject({ scope: "default", max_order_notional: "10000000" });
});

test.each([
	["zero", "0", "NOT_POSITIVE"],
	["zero with a point", "0.00", "NOT_POSITIVE"],
	["negative", "-5", "NOT_POSITIVE"],
	["no number", "NaN", "INVALID_DECIMAL"],
	["an exponent", "1e6", "INVALID_DECIMAL"],
	["empty", "", "INVALID_DECIMAL"],
])("a notional limit that is %s is refused", async (_, max_order_notional, code) => {
	await expect(setLimits({ scope: "default", max_order_notional })).rejects.toMatchObject({
		code: 422,
		type: "VALIDATION_FAILED",
		data: { errors: [{ pointer: "/max_order_notional", code }] },
	});
});

test.each([
	["a number for a decimal", { scope: "default", max_order_notional: 5 }],
	["a scope that is nobody", { scope: "everybody", max_open_orders: 5 }],
	["a broken count", { scope: "default", max_open_orders: 1.5 }],
	["a negative count", { scope: "default", max_open_orders: -1 }],
	["an unknown field", { scope: "default", max_leverage: 5 }],
])("limits with %s are refused", async (_, limits) => {
	await expect(node.broker.call("risk.setLimits", limits, root)).rejects.toMatchObject({ code: 422 });
});

test("limits are set by admins", async () => {
	await expect(setLimits({ scope: "default", max_open_orders: 1 }, person("ann"))).rejects.toMatchObject({ code: 403 });
});

test.each([
	["an id in capitals", { order_id: newId().toUpperCase() }],
	["a quantity that is no number", { quantity: "NaN" }],
	["a negative price", { price: "-1" }],
])("an order with %s is refused and keeps no other from its decision", async (_, over) => {
	const [bad, good] = await Promise.allSettled([check(order(over)), check(order())]);
	expect(bad).toMatchObject({ status: "rejected", reason: { code: 422 } });
	expect(good).toEqual({ status: "fulfilled", value: ALLOWED });
});

test("a market order goes by the last price, and before the first trade by its count alone", async () => {
	const market = (quantity: string) =>
		order({ symbol: "ETH-USD", order_type: "market", time_in_force: "ioc", price: null, quantity });
	expect(await check(market("100000"))).toEqual(ALLOWED);
	expect(await check(market("1"), 101)).toMatchObject({ code: "MAX_OPEN_ORDERS" });

	const [seller, buyer] = [person("seller", "admin"), person("buyer", "admin")];
	await call(node.broker, "trading.deposit", { asset: "ETH", amount: "10", idempotency_key: "1" }, seller);
	await call(node.broker, "trading.deposit", { asset: "USD", amount: "100000", idempotency_key: "1" }, buyer);
	for (const price of ["3000", "2500"]) {
		await call(node.broker, "trading.submit", order({ user_id: seller.id, symbol: "ETH-USD", side: "sell", price }));
		await call(node.broker, "trading.submit", order({ user_id: buyer.id, symbol: "ETH-USD", price }));
	}
	await until(
		async () => (await node.dbs.risk.query("SELECT 1 FROM marks WHERE price = 2500 AND trade_seq = 2")).length === 1,
	);

	expect(await check(market("4000"))).toEqual(ALLOWED);
	expect(await check(market("4000.000001"))).toEqual({
		allowed: false,
		code: "MAX_ORDER_NOTIONAL",
		limit: "10000000",
		observed: "10000000.0025",
	});
	// A stop that the last price has reached enters at once, at that.
	const stop = { symbol: "ETH-USD", order_type: "stop", price: null, stop_price: "1" } as const;
	expect(await check(order({ ...stop, quantity: "4001" }))).toMatchObject({ code: "MAX_ORDER_NOTIONAL" });
	expect(await check(order({ symbol: "ETH-USD", side: "sell", price: "1", quantity: "4001" }))).toMatchObject({
		code: "MAX_ORDER_NOTIONAL",
	});
});
