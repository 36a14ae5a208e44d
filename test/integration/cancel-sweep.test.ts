import type { ServiceBroker } from "moleculer";
import { v7 as newId } from "uuid";
import { createNode, loadSchema } from "../../cli/node.ts";
import type { HaltRequest } from "../../contracts/risk.ts";
import { call } from "../../lib/service.ts";
import { keepSweeps } from "../../services/orders/cancel-sweep.store.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const SERVICES = ["config", "data", "users", "risk", "trading", "orders"] as const;
/** More than one page of a sweep. */
const MANY = 130;
/** So many of a page fail together, after as long as a call waits for its answer. */
const PAGES = 4;
const TRADERS = 10;
/** A busy machine is slow, and the lock that the test holds would be taken away once it fell silent. */
const PATIENCE_MS = 15_000;

let node: TestNode;
/** The node's, or that of its second life. */
let broker: ServiceBroker;
beforeAll(async () => {
	node = await startServices(SERVICES);
	broker = node.broker;
});
afterAll(async () => {
	await broker.stop();
	await node.stop();
});

type Person = ReturnType<typeof person>;
const root = person("root", "admin");

async function rich(username: string): Promise<Person> {
	const somebody = person(username, "admin");
	for (const asset of ["BTC", "ETH", "USD"])
		await call(broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, somebody);
	await call(broker, "risk.setLimits", { scope: somebody.id, max_open_orders: PAGES * MANY }, root);
	return somebody;
}

/** A few at a time: it is the halt that is under test. */
async function place(owner: Person, symbol: string, count: number): Promise<readonly string[]> {
	const order = { symbol, side: "buy", quantity: "1", price: "100" } as const;
	const ids: string[] = [];
	const trader = async () => {
		while (count-- > 0) {
			const { order: placed } = await call(broker, "orders.place", order, owner);
			expect(placed.status).toBe("open");
			ids.push(placed.order_id);
		}
	};
	await Promise.all(Array.from({ length: TRADERS }, trader));
	return ids;
}

const halt = (request: Partial<HaltRequest>) =>
	call(broker, "risk.halt", { scope: "global", mode: "halted", reason: "test", cancel_open: true, ...request }, root);

async function statusesOf(owner: Person): Promise<Record<string, number>> {
	const rows = await node.dbs.orders.query<{ status: string; count: number }>(
		"SELECT status, count(*)::integer FROM orders WHERE user_id = $1 GROUP BY status",
		[owner.id],
	);
	return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

const sweeps = (where: string) => node.dbs.orders.query(`SELECT FROM cancel_sweeps WHERE done_at IS ${where}`);

test("a halt goes on canceling where it was when its node went down", async () => {
	const [ann, bob] = [await rich("ann"), await rich("bob")];
	await Promise.all([place(ann, "BTC-USD", 1), place(bob, "ETH-USD", MANY)]);

	const orders = broker.getLocalService("orders") as unknown as { drain(): Promise<void> };
	const drained = await node.dbs.trading.transaction(async (tx) => {
		const holdBobsMarket = () => tx.query("SELECT FROM markets WHERE symbol = 'ETH-USD' FOR UPDATE");
		await holdBobsMarket();
		await halt({});
		// Ann's order comes first.
		await until(async () => {
			await holdBobsMarket();
			return (await statusesOf(ann))["canceled"] === 1;
		}, PATIENCE_MS);
		return { done: orders.drain() };
	});
	await drained.done;
	await broker.stop();
	const left = await statusesOf(bob);
	expect(left["open"]).toBeGreaterThan(0);
	expect((left["open"] ?? 0) + (left["canceled"] ?? 0)).toBe(MANY);
	expect(await sweeps("NULL")).toHaveLength(1);

	broker = await createNode(SERVICES, { logger: false, dependencyInterval: 10 });
	await broker.start();
	await until(async () => (await sweeps("NULL")).length === 0);
	expect(await statusesOf(bob)).toEqual({ canceled: MANY });
	await call(broker, "risk.resume", { scope: "global" }, root);
});

test(
	"a halt cancels in every other market while one takes nothing, however much rests there",
	async () => {
		const [ann, bob] = [await rich("ann"), await rich("bob")].toSorted((a, b) => a.id.localeCompare(b.id));
		if (!ann || !bob) throw new Error("there are two");
		// Hers come first.
		await Promise.all([place(ann, "ETH-USD", PAGES * MANY), place(bob, "BTC-USD", 1)]);
		await node.dbs.trading.transaction(async (tx) => {
			const holdHerMarket = () => tx.query("SELECT FROM markets WHERE symbol = 'ETH-USD' FOR UPDATE");
			await holdHerMarket();
			await halt({});
			await until(async () => {
				await holdHerMarket();
				return (await statusesOf(bob))["canceled"] === 1;
			}, PATIENCE_MS);
		});
		expect(await sweeps("NULL")).toHaveLength(1);
		await until(async () => (await sweeps("NULL")).length === 0, PATIENCE_MS);
		expect(await statusesOf(ann)).toEqual({ canceled: PAGES * MANY });
		await call(broker, "risk.resume", { scope: "global" }, root);
	},
	5 * PATIENCE_MS,
);

test("a halt waits for a market that cannot be reached", async () => {
	const ann = await rich("ann");
	await place(ann, "BTC-USD", 3);
	await broker.destroyService("trading");
	await halt({ scope: "user", id: ann.id });
	await until(async () => (await sweeps("NULL")).length === 1);
	expect(await statusesOf(ann)).toEqual({ open: 3 });

	broker.createService(await loadSchema("trading"));
	await until(async () => (await sweeps("NULL")).length === 0);
	expect(await statusesOf(ann)).toEqual({ canceled: 3 });
});

test("a halt denies an order that had been left pending, and waits for it", async () => {
	const ann = await rich("ann");
	const orderId = newId();
	await node.dbs.orders.transaction(async (tx) => {
		await tx.query(
			`INSERT INTO orders (order_id, user_id, symbol, side, order_type, time_in_force, quantity, price, status,
				fee_asset, metadata, correlation_id)
			VALUES ($1, $2, 'BTC-USD', 'buy', 'limit', 'gtc', 1, 1, 'pending', 'USD', '{}', 'left')`,
			[orderId, ann.id],
		);
	});
	await halt({ scope: "user", id: ann.id });
	await until(async () => (await sweeps("NULL")).length === 1);
	await until(async () => (await sweeps("NULL")).length === 0);
	expect(await call(broker, "orders.get", { order_id: orderId }, ann)).toMatchObject({
		status: "rejected",
		reject_code: "TRADING_HALTED",
	});
	expect(await call(broker, "trading.report", { order_id: orderId, after_seq: 0 })).toBeNull();
});

test.each([
	["at once cancels an order placed before it", 0, "canceled"],
	["an hour late leaves alone an order placed since", 3_600_000, "open"],
])("a halt that arrives %s", async (_what, lateMs, status) => {
	const ann = await rich("ann");
	const [orderId = ""] = await place(ann, "BTC-USD", 1);
	const data = { scope: "user", id: ann.id, mode: "halted", reason: "test", cancel_open: true, by: root.id } as const;
	await node.dbs.orders.transaction((tx) =>
		keepSweeps(tx, [
			{
				event_id: newId(),
				type: "risk.trading_halted",
				source: "risk",
				timestamp: new Date(Date.now() - lateMs).toISOString(),
				data,
				aggregate_id: `trading-state:user:${ann.id}`,
				aggregate_seq: 1,
				version: 1,
				correlation_id: "late",
				causation_id: null,
				actor: null,
			},
		]),
	);
	await until(async () => (await sweeps("NULL")).length === 0);
	expect(await call(broker, "orders.get", { order_id: orderId }, ann)).toMatchObject({ status });
});
