import { isDeepStrictEqual } from "node:util";
import type { Order } from "../../contracts/orders.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

/** As many brackets as were once looked at in a round. */
const MANY = 100;
const PATIENCE_MS = 25_000;

let node: TestNode;
const [ann, bob] = [person("ann", "admin"), person("bob", "admin")];
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	const setting = { key: "trading.max_orders_per_user", value: 10 * MANY, expected_version: 0 };
	await call(node.broker, "config.set", setting, person("root", "admin"));
	for (const who of [ann, bob])
		for (const asset of ["BTC", "ETH", "USD"])
			await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, who);
});
afterAll(() => node.stop());

/** A bracket whose entry rests in the book. */
async function placeBracket(symbol: string): Promise<Order> {
	const legs = [{ price: "110" }, { stop_price: "90" }];
	const order = { order_class: "bracket", symbol, side: "buy", quantity: "0.1", price: "100", legs } as const;
	const { order: placed } = await call(node.broker, "orders.place", order, ann);
	expect(placed.status).toBe("open");
	return placed;
}

const statusesOf = async (brackets: readonly Order[]) => {
	const rows = await node.dbs.orders.query<{ status: string; count: number }>(
		"SELECT status, count(*)::integer AS count FROM orders WHERE parent_id = ANY($1::uuid[]) GROUP BY status",
		[brackets.map((bracket) => bracket.order_id)],
	);
	return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
};
const owner = (symbol: string, set: string) =>
	node.dbs.trading.query(`UPDATE markets SET ${set} WHERE symbol = $1`, [symbol]);

test(
	"exits of a market whose writer is away hold up those of no other, however many there are, and go in when it is back",
	async () => {
		const away: Order[] = [];
		for (let i = 0; i < MANY; i += 20)
			away.push(...(await Promise.all(Array.from({ length: 20 }, () => placeBracket("ETH-USD")))));
		const near = await placeBracket("BTC-USD");
		// Its writer lives as far as the lease tells, and answers nobody.
		await owner("ETH-USD", "epoch = epoch + 1, owner_node = 'away', owner_instance = 'away', lease_until = 'infinity'");
		// As the ends of their entries leave them.
		await node.dbs.orders.query("UPDATE orders SET status = 'pending' WHERE parent_id = ANY($1::uuid[])", [
			away.map((bracket) => bracket.order_id),
		]);
		await call(node.broker, "orders.place", { symbol: "BTC-USD", side: "sell", quantity: "0.1", price: "100" }, bob);
		await until(async () => isDeepStrictEqual(await statusesOf([near]), { open: 1, held: 1 }), PATIENCE_MS);
		expect(await statusesOf(away)).toEqual({ pending: 2 * MANY });
		await owner("ETH-USD", "lease_until = '-infinity'");
		await until(async () => isDeepStrictEqual(await statusesOf(away), { open: MANY, held: MANY }), PATIENCE_MS);
	},
	3 * PATIENCE_MS,
);
