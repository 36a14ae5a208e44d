import type { Order } from "../../contracts/orders.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { submissionOf } from "../../services/orders/orders.drive.ts";
import { deskOf, type Person, takeOver } from "../support/desk.ts";
import { testInOneProcess } from "../support/in-one-process.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { becomesAt, OCO, SELL_ONE, shownOf } from "../support/linked-orders.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
let ann: Person;
let bob: Person;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	[ann, bob] = await Promise.all([rich("ann"), rich("bob")]);
});
afterAll(() => node.stop());
/** Each test begins with an empty book and 100 as the last price. */
beforeEach(async () => {
	await clear(ann, bob);
	await tradeAt("100");
});

const desk = deskOf(() => node.broker, SELL_ONE);
const { rich, submit, place, get, cancel, clear, funds } = desk;
const becomes = becomesAt(desk);
/** Makes `price` the last price. */
const tradeAt = (price: string) => desk.trade(ann, bob, price);

test("who has exactly 1 BTC places an oco of it: it is held once, and the legs are orders of their own", async () => {
	const cyd = await rich("cyd", { BTC: "1" });
	const order = await place(cyd, OCO);
	expect(order).toMatchObject({ order_class: "oco", parent_id: null, status: "open", price: "110", quantity: "1" });
	expect(order.legs).toMatchObject([
		{ order_type: "limit", status: "open", price: "110", parent_id: order.order_id, order_class: "oco" },
		{ order_type: "stop", status: "held", stop_price: "90", parent_id: order.order_id, side: "sell" },
	]);
	expect(await funds(cyd, "BTC")).toBe("1 (1 held)");
	const listed = (await call(node.broker, "orders.list", {}, cyd)).items;
	expect(listed.map(({ order_id }) => order_id).toSorted()).toEqual(
		[order, ...(order.legs ?? [])].map(({ order_id }) => order_id),
	);
	expect(listed.every((one) => !("legs" in one))).toBe(true);
	expect(await call(node.broker, "orders.openExposure", { user_id: cyd.id })).toEqual([
		{ symbol: "BTC-USD", open_orders: 3, open_buy_notional: "0", open_sell_notional: "110" },
	]);

	await place(bob, { side: "buy", price: "110" });
	await becomes(cyd, order, "filled 1 of 1", "filled 1 of 1", "canceled 0 of 1");
	expect(await get(cyd, order)).toMatchObject({ average_price: "110", fee: "0.11", remaining_quantity: "0" });
	expect(await funds(cyd, "BTC")).toBe("0 (0 held)");
	expect(await funds(cyd, "USD")).toBe("109.89 (0 held)");
});

test("a stop that is triggered cancels the take profit at once", async () => {
	const order = await place(ann, OCO);
	await place(bob, { side: "buy", price: "85" });
	await tradeAt("90");
	await becomes(ann, order, "filled 1 of 1", "canceled 0 of 1", "filled 1 of 1");
	expect(await get(ann, order)).toMatchObject({ average_price: "85" });
});

test("an oco to buy holds what the dearer of its legs may cost", async () => {
	const legs = [{ order_type: "stop_limit", stop_price: "110", price: "112" }, { price: "95" }] as const;
	const cyd = await rich("buyer", { USD: "112.224" });
	const order = await place(cyd, { order_class: "oco", side: "buy", legs });
	expect(shownOf(order)).toEqual(["open 0 of 1", "held 0 of 1", "open 0 of 1"]);
	expect(await funds(cyd, "USD")).toBe("112.224 (112.224 held)");
	await place(bob, { price: "95", quantity: "0.4" });
	await becomes(cyd, order, "partially_filled 0.4 of 1", "held 0 of 0.6", "partially_filled 0.4 of 1");
	expect(await funds(cyd, "USD")).toBe("74.186 (67.3344 held)");
	await tradeAt("110");
	await becomes(cyd, order, "partially_filled 0.4 of 1", "open 0 of 0.6", "canceled 0.4 of 1");
	await place(bob, { price: "112", quantity: "5" });
	await becomes(cyd, order, "filled 1 of 1", "filled 0.6 of 0.6", "canceled 0.4 of 1");
	expect(await funds(cyd, "BTC")).toBe("1 (0 held)");
});

test("a pair outlives the node that kept it", async () => {
	const order = await place(ann, { order_class: "oco", legs: [{ price: "120" }, { trail_amount: "10" }] });
	await place(bob, { side: "buy", quantity: "0.25", price: "120" });
	await place(bob, { side: "buy", quantity: "3", price: "80" });
	await takeOver(node.dbs.trading, "BTC-USD");
	await tradeAt("111");
	expect((await get(ann, order)).legs?.[1]).toMatchObject({ status: "held" });
	await tradeAt("110");
	await becomes(ann, order, "filled 1 of 1", "canceled 0.25 of 1", "filled 0.75 of 0.75");
});

test("a stop whose price has been reached is executed at once, and its take profit canceled", async () => {
	await place(bob, { side: "buy", price: "99" });
	const order = await place(ann, { order_class: "oco", legs: [{ price: "110" }, { stop_price: "101" }] });
	expect(shownOf(order)).toEqual(["filled 1 of 1", "canceled 0 of 1", "filled 1 of 1"]);
});

test.each([
	["the oco", (order: Order) => order],
	["its take profit", ({ legs }: Order) => legs?.[0] as Order],
	["its stop", ({ legs }: Order) => legs?.[1] as Order],
])("who cancels %s cancels all of it", async (_what, pick) => {
	const order = await place(ann, OCO);
	expect(await cancel(ann, pick(order))).toMatchObject({ status: "canceled" });
	await becomes(ann, order, "canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	await expect(cancel(ann, order)).rejects.toMatchObject({ type: "ILLEGAL_TRANSITION" });
});

test("an oco that cannot be paid for, or that risk denies, is rejected whole", async () => {
	const poor = await rich("poor", { BTC: "0.5" });
	const order = await place(poor, OCO);
	expect(order).toMatchObject({ status: "rejected", reject_code: "INSUFFICIENT_FUNDS" });
	expect(order.legs).toMatchObject([{ reject_code: "INSUFFICIENT_FUNDS" }, { reject_code: "INSUFFICIENT_FUNDS" }]);
	await call(node.broker, "risk.setLimits", { scope: poor.id, max_open_orders: 2 }, ann);
	const denied = await place(poor, { ...OCO, quantity: "0.5" });
	expect(denied).toMatchObject({ status: "rejected", reject_code: "MAX_OPEN_ORDERS" });
	expect(shownOf(denied)).toEqual(["rejected 0 of 0.5", "rejected 0 of 0.5", "rejected 0 of 0.5"]);
	await call(node.broker, "risk.setLimits", { scope: poor.id, max_open_orders: 3 }, ann);
	expect(
		await call(node.broker, "orders.validate", { symbol: "BTC-USD", side: "sell", quantity: "1", ...OCO }, poor),
	).toEqual({ allowed: false, code: "INSUFFICIENT_FUNDS", limit: "0.5", observed: "1" });
	expect(shownOf(await place(poor, { ...OCO, quantity: "0.5" }))).toEqual([
		"open 0 of 0.5",
		"open 0 of 0.5",
		"held 0 of 0.5",
	]);
	expect(await funds(poor, "BTC")).toBe("0.5 (0.5 held)");
	await call(node.broker, "orders.cancelAll", {}, poor);
});

test("the same oco posted 20 times at once under one id is one; another one under it is refused", async () => {
	const asked = { ...OCO, client_order_id: "twenty" };
	const placements = await Promise.all(Array.from({ length: 20 }, () => submit(ann, asked)));
	expect(placements.filter(({ replayed }) => !replayed)).toHaveLength(1);
	const ids = placements.map(({ order }) => [order, ...(order.legs ?? [])].map(({ order_id }) => order_id).join(" "));
	expect(new Set(ids).size).toBe(1);
	for (const other of [
		{ legs: [{ price: "111" }, { stop_price: "90" }] },
		{ legs: [{ price: "110" }, { stop_price: "91" }] },
	])
		await expect(submit(ann, { ...asked, ...other })).rejects.toMatchObject({ type: "CLIENT_ORDER_ID_REUSED" });
	await expect(submit(ann, { client_order_id: "twenty", price: "110" })).rejects.toMatchObject({
		type: "CLIENT_ORDER_ID_REUSED",
	});
	expect(await call(node.broker, "orders.getByClientId", { client_order_id: "twenty" }, ann)).toMatchObject({
		legs: [{ status: "open" }, { status: "held" }],
	});
});

test("an oco ends whole when its time is over", async () => {
	const expires_at = new Date(Date.now() + 1_500).toISOString();
	const order = await place(ann, { ...OCO, time_in_force: "gtd", expires_at });
	expect(order.legs).toMatchObject([{ expires_at }, { expires_at }]);
	await becomes(ann, order, "expired 0 of 1", "expired 0 of 1", "expired 0 of 1");
	const day = await place(ann, { ...OCO, time_in_force: "day" });
	expect(day.legs).toMatchObject([{ expires_at: day.expires_at }, { expires_at: day.expires_at }]);
});

test("of cancels and trades that race, the legs never trade more than the oco", async () => {
	const racer = await rich("racer", { BTC: "5" });
	const orders = await Promise.all(Array.from({ length: 5 }, () => place(racer, OCO)));
	await place(bob, { side: "buy", quantity: "10", price: "50" });
	await Promise.all([
		place(bob, { side: "buy", quantity: "3.5", price: "110" }),
		tradeAt("90"),
		...orders.flatMap(({ legs }) => legs ?? []).map((leg) => cancel(racer, leg).catch(() => null)),
	]);
	await until(async () =>
		(await Promise.all(orders.map((order) => get(racer, order)))).every((o) => o.closed_at !== null),
	);
	const ended = await Promise.all(orders.map((order) => get(racer, order)));
	for (const { filled_quantity, legs } of ended) {
		expect(Number(filled_quantity)).toBeLessThanOrEqual(1);
		expect((legs ?? []).reduce((sum, leg) => sum + Number(leg.filled_quantity), 0)).toBe(Number(filled_quantity));
	}
	const left = 5 - ended.reduce((sum, { filled_quantity }) => sum + Number(filled_quantity), 0);
	expect(await funds(racer, "BTC")).toBe(`${left} (0 held)`);
});

testInOneProcess(
	"an oco that was left pending is driven on, expires in time, and ends whole when half of it has",
	async () => {
		const endpoint = node.broker.registry.getActionEndpoints("risk.check")?.next(null as never);
		const action = endpoint?.action as { handler: unknown };
		const { handler } = action;
		action.handler = () => Promise.reject(new Error("unreachable"));
		const [young, old, half] = [await place(ann, OCO), await place(ann, OCO), await place(ann, OCO)];
		expect(shownOf(young)).toEqual(["pending 0 of 1", "pending 0 of 1", "pending 0 of 1"]);
		// As a crash between the ends of two legs leaves them.
		const leg = half.legs?.[0] as Order;
		const order = submissionOf({ ...leg, ordered_quantity: leg.quantity });
		await call(node.broker, "trading.close", { order, status: "canceled" });
		action.handler = handler;
		const age = (placed: Order, by: string) =>
			node.dbs.orders.query("UPDATE orders SET created_at = now() - $2::interval WHERE order_id = $1", [
				placed.order_id,
				by,
			]);
		await Promise.all([age(young, "10 seconds"), age(half, "10 seconds"), age(old, "1 minute")]);
		await becomes(ann, young, "open 0 of 1", "open 0 of 1", "held 0 of 1");
		await becomes(ann, old, "expired 0 of 1", "expired 0 of 1", "expired 0 of 1");
		await becomes(ann, half, "canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	},
);

test("after all of it every invariant holds", async () => {
	expect(await verifiedInvariants()).toEqual(expect.arrayContaining(["I4", "I7", "I16"]));
});
