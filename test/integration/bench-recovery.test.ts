import { fillMarket, restingOrder } from "../../bench/recovery/fill.ts";
import { call } from "../../lib/service.ts";
import { loadMarket } from "../../services/trading/market.store.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

const ORDERS = 40;

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "data", "users", "trading"]);
});
afterAll(() => node.stop());

async function rich(username: string): Promise<string> {
	const somebody = person(username, "admin");
	for (const asset of ["BTC", "USD"])
		await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, somebody);
	return somebody.id;
}

/** All that is stored of a user's orders and money, but for ids, times and places in time. */
async function stored(userId: string): Promise<Record<string, unknown>> {
	const { trading } = node.dbs;
	const [orders, accounts, events] = await Promise.all([
		trading.query(
			`SELECT to_jsonb(o) - '{order_id,user_id,arrival_seq,created_at,updated_at}'::text[] AS row FROM orders o
			WHERE user_id = $1 ORDER BY arrival_seq`,
			[userId],
		),
		trading.query(
			`SELECT asset, kind, trim_scale(balance) AS balance, trim_scale(held) AS held FROM accounts
			WHERE owner = $1 ORDER BY asset`,
			[userId],
		),
		trading.query(
			`SELECT type, aggregate_id = 'execution:' || (data->>'order_id') AS named, aggregate_seq, version,
				data::jsonb - '{order_id,user_id,timestamp}'::text[] #- '{standing,arrival_seq}' AS data
			FROM outbox WHERE type = 'trading.execution_reported' AND data->>'user_id' = $1 ORDER BY position`,
			[userId],
		),
	]);
	return { orders, accounts, events };
}

test("what the benchmark fills a market with is what placing the same orders leaves behind", async () => {
	const [filled, placed] = [await rich("filled"), await rich("placed")];
	await call(node.broker, "trading.depth", { symbol: "BTC-USD" });
	const market = await node.dbs.trading.transaction((tx) => loadMarket(tx, "BTC-USD"));
	if (!market) throw new Error("the market has no rules");
	let counted = 0;
	await fillMarket(node.dbs.trading, market, [filled], ORDERS, (count) => (counted += count));
	expect(counted).toBe(ORDERS);
	for (let i = 0; i < ORDERS; i++) await call(node.broker, "trading.submit", restingOrder(market, placed, i));

	const [byFilling, byPlacing] = [await stored(filled), await stored(placed)];
	expect(byFilling).toEqual(byPlacing);
	expect(byFilling["orders"]).toHaveLength(ORDERS);
	expect(byFilling["events"]).toHaveLength(ORDERS);
	const { bids, asks } = await call(node.broker, "trading.depth", { symbol: "BTC-USD" });
	expect([bids.length, asks.length]).toEqual([ORDERS / 2, ORDERS / 2]);
});
