import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { type Finding, verify } from "../../cli/verify/run.ts";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import { env } from "../../lib/env.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { submissionOf } from "../../services/orders/orders.drive.ts";
import { testInOneProcess } from "../support/in-one-process.ts";
import { person } from "../support/people.ts";
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
	[ann, bob] = [await owner("ann"), await owner("bob")];
});
afterAll(async () => {
	await broker.stop();
	await node.stop();
});
/** Each test begins with an empty book and 100 as the last price. */
beforeEach(async () => {
	for (const who of [ann, bob]) await call(broker, "orders.cancelAll", {}, who);
	await tradeAt("100");
});

type Person = ReturnType<typeof person>;
type Asked = Partial<PlaceOrder>;

async function owner(username: string, paidIn: Record<string, string> = { BTC: "1000", USD: "1000000" }) {
	const somebody = person(username, "admin");
	for (const [asset, amount] of Object.entries(paidIn))
		await call(broker, "trading.deposit", { asset, amount, idempotency_key: asset }, somebody);
	return somebody;
}
const submit = (who: Person, asked: Asked) =>
	call(broker, "orders.place", { symbol: "BTC-USD", side: "sell", quantity: "1", ...asked }, who);
const place = async (who: Person, asked: Asked) => (await submit(who, asked)).order;
const get = (who: Person, { order_id }: Pick<Order, "order_id">) => call(broker, "orders.get", { order_id }, who);
const cancel = (who: Person, { order_id }: Order) => call(broker, "orders.cancel", { order_id }, who);
async function funds(who: Person, asset: string): Promise<string> {
	const row = (await call(broker, "trading.balances", undefined, who)).find((balance) => balance.asset === asset);
	return `${row?.balance} (${row?.held} held)`;
}

/** Makes `price` the last price. */
async function tradeAt(price: string): Promise<void> {
	await place(ann, { quantity: "0.1", price });
	await place(bob, { side: "buy", quantity: "0.1", price });
}

/** An order and its legs as one line each: `open 0 of 1`. */
const shownOf = (order: Order) =>
	[order, ...(order.legs ?? [])].map((one) => `${one.status} ${one.filled_quantity} of ${one.quantity}`);
const becomes = (who: Person, order: Order, ...shown: string[]) =>
	until(async () => JSON.stringify(shownOf(await get(who, order))) === JSON.stringify(shown)).catch(async () =>
		expect(shownOf(await get(who, order))).toEqual(shown),
	);

/** Another writer takes the market over, and is gone: the next command rebuilds the book from its rows. */
async function takeOver(): Promise<void> {
	await node.dbs.trading.query(
		`UPDATE markets SET epoch = epoch + 1, owner_node = 'other', owner_instance = 'other', lease_until = '-infinity'
		WHERE symbol = 'BTC-USD'`,
	);
}

const exits = { legs: [{ price: "110" }, { stop_price: "90" }] } as const;
const oco = { order_class: "oco", ...exits } as const;
const bracket = { order_class: "bracket", side: "buy", price: "100", ...exits } as const;

test("who has exactly 1 BTC places an oco of it: it is held once, and the legs are orders of their own", async () => {
	const cyd = await owner("cyd", { BTC: "1" });
	const order = await place(cyd, oco);
	expect(order).toMatchObject({ order_class: "oco", parent_id: null, status: "open", price: "110", quantity: "1" });
	expect(order.legs).toMatchObject([
		{ order_type: "limit", status: "open", price: "110", parent_id: order.order_id, order_class: "oco" },
		{ order_type: "stop", status: "held", stop_price: "90", parent_id: order.order_id, side: "sell" },
	]);
	expect(await funds(cyd, "BTC")).toBe("1 (1 held)");
	const listed = (await call(broker, "orders.list", {}, cyd)).items;
	expect(listed.map(({ order_id }) => order_id).toSorted()).toEqual(
		[order, ...(order.legs ?? [])].map(({ order_id }) => order_id),
	);
	expect(listed.every((one) => !("legs" in one))).toBe(true);
	expect(await call(broker, "orders.openExposure", { user_id: cyd.id })).toEqual([
		{ symbol: "BTC-USD", open_orders: 3, open_buy_notional: "0", open_sell_notional: "110" },
	]);

	await place(bob, { side: "buy", price: "110" });
	await becomes(cyd, order, "filled 1 of 1", "filled 1 of 1", "canceled 0 of 1");
	expect(await get(cyd, order)).toMatchObject({ average_price: "110", fee: "0.11", remaining_quantity: "0" });
	expect(await funds(cyd, "BTC")).toBe("0 (0 held)");
	expect(await funds(cyd, "USD")).toBe("109.89 (0 held)");
});

test("a stop that is triggered cancels the take profit at once", async () => {
	const order = await place(ann, oco);
	await place(bob, { side: "buy", price: "85" });
	await tradeAt("90");
	await becomes(ann, order, "filled 1 of 1", "canceled 0 of 1", "filled 1 of 1");
	expect(await get(ann, order)).toMatchObject({ average_price: "85" });
});

test("an oco to buy holds what the dearer of its legs may cost", async () => {
	const legs = [{ order_type: "stop_limit", stop_price: "110", price: "112" }, { price: "95" }] as const;
	const cyd = await owner("buyer", { USD: "112.224" });
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
	await takeOver();
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
	const order = await place(ann, oco);
	expect(await cancel(ann, pick(order))).toMatchObject({ status: "canceled" });
	await becomes(ann, order, "canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	await expect(cancel(ann, order)).rejects.toMatchObject({ type: "ILLEGAL_TRANSITION" });
});

test("an oco that cannot be paid for, or that risk denies, is rejected whole", async () => {
	const poor = await owner("poor", { BTC: "0.5" });
	const order = await place(poor, oco);
	expect(order).toMatchObject({ status: "rejected", reject_code: "INSUFFICIENT_FUNDS" });
	expect(order.legs).toMatchObject([{ reject_code: "INSUFFICIENT_FUNDS" }, { reject_code: "INSUFFICIENT_FUNDS" }]);
	await call(broker, "risk.setLimits", { scope: poor.id, max_open_orders: 2 }, ann);
	const denied = await place(poor, { ...oco, quantity: "0.5" });
	expect(denied).toMatchObject({ status: "rejected", reject_code: "MAX_OPEN_ORDERS" });
	expect(shownOf(denied)).toEqual(["rejected 0 of 0.5", "rejected 0 of 0.5", "rejected 0 of 0.5"]);
	await call(broker, "risk.setLimits", { scope: poor.id, max_open_orders: 3 }, ann);
	expect(
		await call(broker, "orders.validate", { symbol: "BTC-USD", side: "sell", quantity: "1", ...oco }, poor),
	).toEqual({ allowed: false, code: "INSUFFICIENT_FUNDS", limit: "0.5", observed: "1" });
	expect(shownOf(await place(poor, { ...oco, quantity: "0.5" }))).toEqual([
		"open 0 of 0.5",
		"open 0 of 0.5",
		"held 0 of 0.5",
	]);
	expect(await funds(poor, "BTC")).toBe("0.5 (0.5 held)");
	await call(broker, "orders.cancelAll", {}, poor);
});

test("the same oco posted 20 times at once under one id is one; another one under it is refused", async () => {
	const asked = { ...oco, client_order_id: "twenty" };
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
	expect(await call(broker, "orders.getByClientId", { client_order_id: "twenty" }, ann)).toMatchObject({
		legs: [{ status: "open" }, { status: "held" }],
	});
});

test("the exits of a bracket wait for its entry, then are one oco of what it has bought", async () => {
	const cyd = await owner("bracketeer", { USD: "100.2" });
	const entry = await place(cyd, bracket);
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
	const { price: _price, ...atMarket } = bracket;
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
	const entry = await place(ann, bracket);
	await place(bob, { quantity: "0.3", price: "100" });
	await becomes(ann, entry, "partially_filled 0.3 of 1", "held 0 of 1", "held 0 of 1");
	await cancel(ann, entry);
	await becomes(ann, entry, "canceled 0.3 of 1", "open 0 of 0.3", "held 0 of 0.3");
	await place(bob, { side: "buy", price: "80" });
	await tradeAt("90");
	await becomes(ann, entry, "canceled 0.3 of 1", "canceled 0 of 0.3", "filled 0.3 of 0.3");
});

test("an entry that ends unfilled ends its exits; exits end together and leave the entry as it is", async () => {
	const [first, second] = [await place(ann, bracket), await place(ann, bracket)];
	expect(shownOf(await cancel(ann, first))).toEqual(["canceled 0 of 1", "canceled 0 of 1", "canceled 0 of 1"]);
	await cancel(ann, second.legs?.[1] as Order);
	await becomes(ann, second, "open 0 of 1", "canceled 0 of 1", "canceled 0 of 1");
	const only = await place(ann, { ...bracket, legs: [{ stop_price: "90" }] });
	await place(bob, { quantity: "2", price: "100" });
	await becomes(ann, second, "filled 1 of 1", "canceled 0 of 1", "canceled 0 of 1");
	await becomes(ann, only, "filled 1 of 1", "held 0 of 1");
	await cancel(ann, only.legs?.[0] as Order);
	await becomes(ann, only, "filled 1 of 1", "canceled 0 of 1");
});

test("what belongs together is not replaced one by one", async () => {
	const [pair, entry] = [await place(ann, oco), await place(ann, bracket)];
	for (const order of [pair, ...(pair.legs ?? []), entry, ...(entry.legs ?? [])]) {
		const request = { order_id: order.order_id, price: "101" };
		await expect(call(broker, "orders.replace", request, ann)).rejects.toMatchObject({ type: "ILLEGAL_TRANSITION" });
	}
});

test("cancel-all, and a halt that cancels, leave nothing of an oco or a bracket", async () => {
	const family = async () => [await place(ann, oco), await place(ann, bracket), await place(ann, { price: "130" })];
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
	expect(await place(ann, oco)).toMatchObject({ status: "rejected", reject_code: "TRADING_HALTED" });
	await call(broker, "risk.resume", { scope: "user", id: ann.id }, bob);
});

test("an oco ends whole when its time is over", async () => {
	const expires_at = new Date(Date.now() + 1_500).toISOString();
	const order = await place(ann, { ...oco, time_in_force: "gtd", expires_at });
	expect(order.legs).toMatchObject([{ expires_at }, { expires_at }]);
	await becomes(ann, order, "expired 0 of 1", "expired 0 of 1", "expired 0 of 1");
	const day = await place(ann, { ...oco, time_in_force: "day" });
	expect(day.legs).toMatchObject([{ expires_at: day.expires_at }, { expires_at: day.expires_at }]);
});

test("of cancels and trades that race, the legs never trade more than the oco", async () => {
	const racer = await owner("racer", { BTC: "5" });
	const orders = await Promise.all(Array.from({ length: 5 }, () => place(racer, oco)));
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
	"exits are placed once when the service goes down between the end of their entry and their market",
	async () => {
		const entry = await place(ann, bracket);
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

testInOneProcess(
	"an oco that was left pending is driven on, expires in time, and ends whole when half of it has",
	async () => {
		const endpoint = broker.registry.getActionEndpoints("risk.check")?.next(null as never);
		const action = endpoint?.action as { handler: unknown };
		const { handler } = action;
		action.handler = () => Promise.reject(new Error("unreachable"));
		const [young, old, half] = [await place(ann, oco), await place(ann, oco), await place(ann, oco)];
		expect(shownOf(young)).toEqual(["pending 0 of 1", "pending 0 of 1", "pending 0 of 1"]);
		// As a crash between the ends of two legs leaves them.
		const leg = half.legs?.[0] as Order;
		const order = submissionOf({ ...leg, ordered_quantity: leg.quantity });
		await call(broker, "trading.close", { order, status: "canceled" });
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
	const findings: Finding[] = [];
	await verify(env().databaseUrl, (finding) => void findings.push(finding));
	expect(findings.flatMap(({ id, offences }) => offences.map((offence) => `${id}: ${offence}`))).toEqual([]);
	expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(["I4", "I7", "I16"]));
});
