import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import type { Order } from "../../contracts/orders.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { deskOf, type Person } from "../support/desk.ts";
import { testInOneProcess } from "../support/in-one-process.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { BRACKET, becomesAt, OCO, SELL_ONE, shownOf } from "../support/linked-orders.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
/** The node's, or that of its second life. */
let broker: ServiceBroker;
let ann: Person;
let bob: Person;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	broker = node.broker;
	[ann, bob] = await Promise.all([rich("ann"), rich("bob")]);
});
afterAll(async () => {
	await broker.stop();
	await node.stop();
});
/** Each test begins with an empty book and 100 as the last price. */
beforeEach(async () => {
	await clear(ann, bob);
	await tradeAt("100");
});

const desk = deskOf(() => broker, SELL_ONE);
const { rich, place, get, cancel, clear, funds } = desk;
const becomes = becomesAt(desk);
/** Makes `price` the last price. */
const tradeAt = (price: string) => desk.trade(ann, bob, price);

test("the exits of a bracket wait for its entry, then are one oco of what it has bought", async () => {
	const cyd = await rich("bracketeer", { USD: "100.2" });
	const entry = await place(cyd, BRACKET);
	expect(shownOf(entry)).toEqual(["open 0 of 1", "held 0 of 1", "held 0 of 1"]);
	expect(entry.legs).toMatchObject([{ side: "sell", time_in_force: "gtc" }, { side: "sell" }]);
	await place(bob, { price: "100" });
	await becomes(cyd, entry, "filled 1 of 1", "open 0 of 1", "held 0 of 1");
	expect(await funds(cyd, "BTC")).toBe("1 (1 held)");
	await place(bob, { side: "buy", price: "110" });
	await becomes(cyd, entry, "filled 1 of 1", "filled 1 of 1", "canceled 0 of 1");
	expect(await funds(cyd, "BTC")).toBe("0 (0 held)");
});

test("a bracket whose entry trades at once is answered with its exits in the market", async () => {
	await place(bob, { price: "100" });
	const { price: _price, ...atMarket } = BRACKET;
	expect(shownOf(await place(ann, atMarket))).toEqual(["filled 1 of 1", "open 0 of 1", "held 0 of 1"]);
});

test("a bracket to sell buys back", async () => {
	const legs = [{ stop_price: "110" }, { price: "90" }] as const;
	const entry = await place(ann, { order_class: "bracket", price: "100", legs });
	await place(bob, { side: "buy", price: "100" });
	await becomes(ann, entry, "filled 1 of 1", "held 0 of 1", "open 0 of 1");
	await place(bob, { price: "115" });
	await tradeAt("110");
	await becomes(ann, entry, "filled 1 of 1", "filled 1 of 1", "canceled 0 of 1");
});

test("the exits of an entry that is filled in part and canceled are for what it has", async () => {
	const entry = await place(ann, BRACKET);
	await place(bob, { quantity: "0.3", price: "100" });
	await becomes(ann, entry, "partially_filled 0.3 of 1", "held 0 of 1", "held 0 of 1");
	await cancel(ann, entry);
	await becomes(ann, entry, "canceled 0.3 of 1", "open 0 of 0.3", "held 0 of 0.3");
	await place(bob, { side: "buy", price: "80" });
	await tradeAt("90");
	await becomes(ann, entry, "canceled 0.3 of 1", "canceled 0 of 0.3", "filled 0.3 of 0.3");
});

test("an entry that ends unfilled ends its exits; exits end together and leave the entry as it is", async () => {
	const [first, second] = [await place(ann, BRACKET), await place(ann, BRACKET)];
	expect(shownOf(await cancel(ann, first))).toEqual(["canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1"]);
	await cancel(ann, second.legs?.[1] as Order);
	await becomes(ann, second, "open 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	const only = await place(ann, { ...BRACKET, legs: [{ stop_price: "90" }] });
	await place(bob, { quantity: "2", price: "100" });
	await becomes(ann, second, "filled 1 of 1", "canceled 0 of 1", "canceled 0 of 1");
	await becomes(ann, only, "filled 1 of 1", "held 0 of 1");
	await cancel(ann, only.legs?.[0] as Order);
	await becomes(ann, only, "filled 1 of 1", "canceled 0 of 1");
});

test("what belongs together is not replaced one by one", async () => {
	const [pair, entry] = [await place(ann, OCO), await place(ann, BRACKET)];
	for (const order of [pair, ...(pair.legs ?? []), entry, ...(entry.legs ?? [])]) {
		const request = { order_id: order.order_id, price: "101" };
		await expect(call(broker, "orders.replace", request, ann)).rejects.toMatchObject({ type: "ILLEGAL_TRANSITION" });
	}
});

test("cancel-all, and a halt that cancels, leave nothing of an oco or a bracket", async () => {
	const family = async () => [await place(ann, OCO), await place(ann, BRACKET), await place(ann, { price: "130" })];
	// That her earlier orders have been filled comes to `orders` by an event.
	await until(async () => (await call(broker, "orders.openExposure", { user_id: ann.id })).length === 0);
	const [pair, entry] = (await family()) as [Order, Order, Order];
	const results = await call(broker, "orders.cancelAll", {}, ann);
	expect(results.map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => null));
	for (const order of [pair, entry]) await becomes(ann, order, "canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	const halted = await family();
	const halt = { scope: "user", id: ann.id, mode: "halted", cancel_open: true, reason: "test" } as const;
	await call(broker, "risk.halt", halt, bob);
	await until(async () =>
		(await Promise.all(halted.map((order) => get(ann, order)))).every((o) => o.closed_at !== null),
	);
	expect(await place(ann, OCO)).toMatchObject({ status: "rejected", reject_code: "TRADING_HALTED" });
	await call(broker, "risk.resume", { scope: "user", id: ann.id }, bob);
});

testInOneProcess(
	"exits are placed once when the service goes down between the end of their entry and their market",
	async () => {
		const entry = await place(ann, BRACKET);
		const endpoint = broker.registry.getActionEndpoints("trading.submitPair")?.next(null as never);
		const action = endpoint?.action as { handler: unknown };
		action.handler = () => Promise.reject(new Error("unreachable"));
		await place(bob, { price: "100" });
		await becomes(ann, entry, "filled 1 of 1", "pending 0 of 1", "pending 0 of 1");
		await broker.stop();
		broker = await createNode(STATEFUL_SERVICES, { logger: false, dependencyInterval: 10 });
		await broker.start();
		await becomes(ann, entry, "filled 1 of 1", "open 0 of 1", "held 0 of 1");
		const [{ kept } = { kept: "" }] = await node.dbs.trading.query<{ kept: string }>(
			"SELECT count(*) AS kept FROM orders WHERE order_id = ANY($1::uuid[])",
			[(entry.legs ?? []).map(({ order_id }) => order_id)],
		);
		expect(kept).toBe("2");
	},
);

test("after all of it every invariant holds", async () => {
	expect(await verifiedInvariants()).toEqual(expect.arrayContaining(["I4", "I7", "I16"]));
});
