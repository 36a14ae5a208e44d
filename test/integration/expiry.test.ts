import { setTimeout as delay } from "node:timers/promises";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

type Person = ReturnType<typeof person>;

const MANY = 1_500;
const AT_A_TIME = 100;
/** By itself it takes three seconds; how fast it is, a benchmark says. */
const PATIENCE_MS = 25_000;

let node: TestNode;
let ann: Person;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	// The default is 100 open orders per user.
	const admin = person("root", "admin");
	await call(
		node.broker,
		"config.set",
		{ key: "trading.max_orders_per_user", value: 10_000, expected_version: 0 },
		admin,
	);
	ann = person("ann", "admin");
	for (const asset of ["USD", "USDT"])
		await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, ann);
});
afterAll(() => node.stop());

/** An order that rests until an hour from now. */
async function place(symbol = "BTC-USD"): Promise<Order> {
	const expires_at = new Date(Date.now() + 3_600_000).toISOString();
	const order = { symbol, side: "buy", quantity: "0.1", price: "10", time_in_force: "gtd", expires_at } as const;
	const { order: placed } = await call(node.broker, "orders.place", order satisfies PlaceOrder, ann);
	expect(placed.status).toBe("open");
	return placed;
}

/** Lets the time of orders be over, all in one moment. */
const endTime = (orders: readonly Order[]) =>
	node.dbs.orders.query("UPDATE orders SET expires_at = now() WHERE order_id = ANY($1::uuid[])", [
		orders.map((order) => order.order_id),
	]);
async function statuses(orders: readonly Order[]): Promise<Record<string, number>> {
	const rows = await node.dbs.orders.query<{ status: string; count: number }>(
		"SELECT status, count(*)::integer AS count FROM orders WHERE order_id = ANY($1::uuid[]) GROUP BY status",
		[orders.map((order) => order.order_id)],
	);
	return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
const owner = (symbol: string, set: string) =>
	node.dbs.trading.query(`UPDATE markets SET ${set} WHERE symbol = $1`, [symbol]);

test(
	"many orders whose time is over in one moment all end, and give back what they held",
	async () => {
		const orders: Order[] = [];
		for (let i = 0; i < MANY; i += AT_A_TIME)
			orders.push(...(await Promise.all(Array.from({ length: AT_A_TIME }, () => place()))));
		await endTime(orders);
		await until(async () => (await statuses(orders))["expired"] === MANY, PATIENCE_MS);
		const balances = await call(node.broker, "trading.balances", undefined, ann);
		expect(balances.find(({ asset }) => asset === "USD")?.held).toBe("0");
	},
	2 * PATIENCE_MS,
);

test("orders of a market whose writer is away hold up nobody, and end when it is back", async () => {
	const away = [await place("ETH-USD"), await place("ETH-USD")];
	// Its writer lives as far as the lease tells, and answers nobody.
	await owner("ETH-USD", "epoch = epoch + 1, owner_node = 'away', owner_instance = 'away', lease_until = 'infinity'");
	await endTime(away);
	await delay(1_500);
	const near = await Promise.all(Array.from({ length: 10 }, () => place()));
	await endTime(near);
	await until(async () => (await statuses(near))["expired"] === near.length, 5_000);
	expect(await statuses(away)).toEqual({ open: away.length });
	await owner("ETH-USD", "lease_until = '-infinity'");
	await until(async () => (await statuses(away))["expired"] === away.length);
});

test("an order that its market cannot take does not hold up those behind it, however many there are", async () => {
	const bad = await Promise.all(Array.from({ length: 200 }, () => place("BTC-USDT")));
	// Off the grid, as no request could be.
	await node.dbs.orders.query("UPDATE orders SET price = 10.0000001 WHERE order_id = ANY($1::uuid[])", [
		bad.map((order) => order.order_id),
	]);
	await endTime(bad);
	await delay(100);
	const behind = await Promise.all(Array.from({ length: 10 }, () => place("BTC-USDT")));
	await endTime(behind);
	await until(async () => (await statuses(behind))["expired"] === behind.length);
	expect(await statuses(bad)).toEqual({ open: bad.length });
	await node.dbs.orders.query("UPDATE orders SET price = 10 WHERE order_id = ANY($1::uuid[])", [
		bad.map((order) => order.order_id),
	]);
	await until(async () => (await statuses(bad))["expired"] === bad.length);
});
