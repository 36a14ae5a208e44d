import { type AllDatabases, closeDatabases, openDatabases } from "../../cli/verify/databases.ts";
import { type Rebuilt, rebuildInvariant } from "../../cli/verify/rebuild.ts";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import { env } from "../../lib/env.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

type Person = ReturnType<typeof person>;

let node: TestNode;
let dbs: AllDatabases;
const open: Record<string, Order> = {};
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	dbs = openDatabases(env().databaseUrl);
	await trade();
});
afterAll(async () => {
	await closeDatabases(dbs);
	await node.stop();
});

const place = async (owner: Person, asked: Partial<PlaceOrder>): Promise<Order> =>
	(await call(node.broker, "orders.place", { symbol: "BTC-USD", side: "buy", ...asked }, owner)).order;

/** Orders of every kind that end up in the book in every way, in two markets. */
async function trade(): Promise<void> {
	const [ann, bob] = [person("ann", "admin"), person("bob", "admin")];
	for (const owner of [ann, bob])
		for (const asset of ["BTC", "ETH", "USD"])
			await call(node.broker, "trading.deposit", { asset, amount: "100000", idempotency_key: asset }, owner);
	await call(node.broker, "trading.withdraw", { asset: "ETH", amount: "1", idempotency_key: "out" }, bob);
	const tradeAt = async (price: string, symbol = "BTC-USD") => {
		await place(ann, { symbol, side: "sell", quantity: "0.1", price });
		await place(bob, { symbol, quantity: "0.1", price });
	};
	await tradeAt("100");
	open["plain"] = await place(ann, { quantity: "1", price: "90" });
	open["second"] = await place(bob, { quantity: "1", price: "90" });
	open["iceberg"] = await place(ann, { side: "sell", quantity: "3", price: "120", display_quantity: "1" });
	await place(bob, { side: "sell", quantity: "1", price: "120", time_in_force: "day" });
	await place(bob, { quantity: "2.3", price: "120", time_in_force: "ioc" });
	open["trailing"] = await place(ann, {
		side: "sell",
		order_type: "trailing_stop",
		quantity: "1",
		trail_percent: "30",
	});
	open["stop"] = await place(bob, { order_type: "stop", quantity: "1", stop_price: "150" });
	await tradeAt("130");
	const triggered = { order_type: "stop_limit", stop_price: "125", price: "80", quantity: "1" } as const;
	open["triggered"] = await place(bob, { side: "sell", ...triggered, price: "140", stop_price: "119.5" });
	// Less of an order keeps its place, another price does not.
	const shrunk = await place(ann, { symbol: "ETH-USD", quantity: "5", price: "50" });
	await place(bob, { symbol: "ETH-USD", quantity: "5", price: "50" });
	const replaced = { order_id: shrunk.order_id, quantity: "2" };
	open["shrunk"] = (await call(node.broker, "orders.replace", replaced, ann)).order;
	await place(bob, { symbol: "ETH-USD", side: "sell", quantity: "1", price: "50" });
	const decrement = { side: "sell", quantity: "0.4", price: "50", self_trade_prevention: "decrement" } as const;
	await place(ann, { symbol: "ETH-USD", ...decrement });
	const moved = await place(bob, { symbol: "ETH-USD", quantity: "1", price: "40" });
	open["moved"] = (await call(node.broker, "orders.replace", { order_id: moved.order_id, price: "45" }, bob)).order;
	const canceled = await place(ann, { symbol: "ETH-USD", quantity: "1", price: "30" });
	await call(node.broker, "orders.cancel", { order_id: canceled.order_id }, ann);
	await place(ann, { symbol: "ETH-USD", quantity: "100000", price: "100" });
	// Its stop holds what it may cost beyond its limit.
	const legs = [{ price: "70" }, { order_type: "stop_limit", stop_price: "160", price: "165" }] as const;
	await place(ann, { order_class: "oco", quantity: "1", legs });
	// The last price goes below the stop, but not as far as the trailing one.
	await tradeAt("119");
}

async function look(): Promise<{ readonly offences: readonly string[]; readonly rebuilt: Rebuilt }> {
	let rebuilt: Rebuilt | undefined;
	const offences = await rebuildInvariant((found) => (rebuilt = found)).check(dbs);
	if (!rebuilt) throw new Error("nothing was rebuilt");
	return { offences, rebuilt };
}

test("what is rebuilt from the log is what is there: orders of every kind, money, positions", async () => {
	const { offences, rebuilt } = await look();
	expect(offences).toEqual([]);
	expect(rebuilt.live).toMatch(/^[0-9a-f]{64}$/);
	expect(rebuilt).toMatchObject({ live: rebuilt.rebuilt, positions: 4, unknown: 0 });
	expect(rebuilt.orders).toBeGreaterThanOrEqual(8);
	// Two users and the outside in three assets, and the fees of both markets.
	expect(rebuilt.accounts).toBe(11);
	const kinds = await node.dbs.trading.query<{ kind: string }>(
		`SELECT DISTINCT order_type || ' ' || status || CASE WHEN display_lots IS NULL THEN '' ELSE ' iceberg' END AS kind
		FROM orders WHERE status IN ('held', 'open', 'partially_filled')`,
	);
	expect(kinds.map(({ kind }) => kind).sort()).toEqual([
		"limit open",
		"limit partially_filled",
		"limit partially_filled iceberg",
		"stop held",
		"stop_limit held",
		"stop_limit open",
		"trailing_stop held",
	]);
});

test("the hash is another one when something happens, and the same one when it is looked at again", async () => {
	const [before, again] = [await look(), await look()];
	expect(again.rebuilt.live).toBe(before.rebuilt.live);
	const cyd = person("cyd", "admin");
	await call(node.broker, "trading.deposit", { asset: "USD", amount: "1", idempotency_key: "one" }, cyd);
	const after = await look();
	expect(after.offences).toEqual([]);
	expect(after.rebuilt.live).not.toBe(before.rebuilt.live);
});

/** A change behind the services' back to one order, and what must be said of it. */
const TAMPERED_ORDERS: readonly (readonly [what: string, order: string, set: string, says: RegExp])[] = [
	["price", "plain", "price_ticks = price_ticks + 1", /price_ticks is 9001, the log gives 9000/],
	["quantity left", "plain", "quantity_lots = quantity_lots - 1, visible_lots = visible_lots - 1", /quantity_lots is/],
	["place in time", "second", "arrival_seq = 1000000", /arrival_seq is 1000000, the log gives \d+/],
	["side", "plain", "side = 'sell'", /side is sell, the log gives buy/],
	["owner", "plain", "user_id = gen_random_uuid()", /user_id is/],
	["slice", "iceberg", "visible_lots = visible_lots - 1", /visible_lots is/],
	["stop price", "stop", "stop_ticks = stop_ticks + 1", /stop_ticks is 15001, the log gives 15000/],
	["best price", "trailing", "extreme_ticks = extreme_ticks + 5000", /best_ticks is 17000, the log gives 12000/],
	["hold", "plain", "hold = hold - 1", /hold is/],
	["end of time", "plain", "expires_at = now()", /expires_at_ms is/],
	["status", "plain", "status = 'canceled', hold = 0, visible_lots = 0", /it is missing/],
	["place of a stop", "triggered", "arrival_seq = 1000001", /arrival_seq is 1000001/],
	["place after a replace", "shrunk", "arrival_seq = 1000002", /arrival_seq is 1000002/],
];

test.each(TAMPERED_ORDERS)("an order whose %s was tampered with is named", async (_what, which, set, says) => {
	const { order_id: id } = open[which] as Order;
	await tampered(`UPDATE orders SET ${set} WHERE order_id = '${id}'`, ["orders"], ({ offences, rebuilt }) => {
		expect(rebuilt.live).not.toBe(rebuilt.rebuilt);
		expect(offences[0]).toContain(rebuilt.rebuilt);
		expect(offences.slice(1)).toEqual([expect.stringMatching(new RegExp(`(?:order|trailing stop) ${id}: .*`))]);
		expect(offences[1]).toMatch(says);
	});
});

const TAMPERED: readonly (readonly [what: string, damage: string, tables: readonly string[], says: RegExp])[] = [
	[
		"a balance, with a posting that explains it",
		`UPDATE accounts SET balance = balance + 5 WHERE owner = 'fees:BTC-USD' AND asset = 'USD';
		UPDATE postings SET amount = amount + 5 WHERE posting_id =
			(SELECT max(posting_id) FROM postings WHERE owner = 'fees:BTC-USD')`,
		["accounts", "postings"],
		/account fees:BTC-USD\/USD: balance is 5\.\d+, the log gives 0\.\d+/,
	],
	[
		"what an account holds",
		`UPDATE accounts SET held = held + 1
		WHERE (owner, asset) = (SELECT owner, asset FROM accounts WHERE held > 0 LIMIT 1)`,
		["accounts"],
		/account [0-9a-f-]{36}\/\w+: held is [\d.]+, the log gives [\d.]+/,
	],
	[
		"a position",
		`UPDATE positions SET realized = realized + 1
		WHERE (user_id, symbol) = (SELECT user_id, symbol FROM positions LIMIT 1)`,
		["positions"],
		/position [0-9a-f-]{36} \w+-\w+: realized is/,
	],
	[
		"a trade, which others were rebuilt from",
		"UPDATE trades SET price = price + 1 WHERE trade_seq = 2 AND symbol = 'BTC-USD'",
		["trades"],
		/trade BTC-USD 2 is not what was told of it/,
	],
	[
		"a transfer",
		"UPDATE transfers SET amount = amount + 1 WHERE kind = 'withdrawal'",
		["transfers"],
		/transfer [0-9a-f-]{36} is not what was told of it/,
	],
	[
		"an order that nobody has placed",
		`INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', gen_random_uuid(),
			'arrival_seq', 5000))).* FROM orders o WHERE status = 'open' LIMIT 1`,
		["orders"],
		/order [0-9a-f-]{36}: the log does not give it/,
	],
];

test.each(TAMPERED)("%s is named when it was tampered with", async (_what, damage, tables, says) => {
	await tampered(damage, tables, ({ offences }) =>
		expect(offences).toEqual(expect.arrayContaining([expect.stringMatching(says)])),
	);
});

test("orders whose events have been let go are counted and not accused", async () => {
	const { order_id: id } = open["plain"] as Order;
	await node.dbs.events.query("INSERT INTO removed_events (count) VALUES (1)");
	try {
		const damage = `DELETE FROM outbox WHERE aggregate_id = 'execution:${id}'`;
		await tampered(damage, ["outbox"], ({ offences, rebuilt }) => {
			expect(offences).toEqual([]);
			expect(rebuilt.unknown).toBe(1);
		});
	} finally {
		await node.dbs.events.query("DELETE FROM removed_events");
	}
});

/** Does `damage` to trading's tables, looks, and puts them back. Guards that would refuse it are out of the way. */
async function tampered(
	damage: string,
	tables: readonly string[],
	seen: (found: Awaited<ReturnType<typeof look>>) => void,
): Promise<void> {
	const { trading } = node.dbs;
	const unguarded = (sql: string) =>
		trading.transaction((tx) => tx.query(`SET LOCAL session_replication_role = replica; ${sql}`));
	const each = (sql: (table: string) => string) => tables.map(sql).join("; ");
	await unguarded(`${each((table) => `CREATE TABLE kept_${table} AS SELECT * FROM ${table}`)}; ${damage}`);
	try {
		seen(await look());
	} finally {
		await unguarded(
			each(
				(table) => `DELETE FROM ${table};
				INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_${table}; DROP TABLE kept_${table}`,
			),
		);
	}
	expect((await look()).offences).toEqual([]);
}
