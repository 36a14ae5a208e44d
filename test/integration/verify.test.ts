import { type Finding, verify } from "../../cli/verify/run.ts";
import { env } from "../../lib/env.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES, type StatefulService } from "../../lib/topology.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	await trade();
});
afterAll(() => node.stop());

/** Two users, a trade, an order that rests, one that is canceled, one that is refused, and an oco. */
async function trade(): Promise<void> {
	const [ann, bob] = [person("ann", "admin"), person("bob", "admin")];
	for (const owner of [ann, bob])
		for (const asset of ["BTC", "USD"])
			await call(node.broker, "trading.deposit", { asset, amount: "100000", idempotency_key: asset }, owner);
	const order = { symbol: "BTC-USD", side: "buy", quantity: "1", price: "100" } as const;
	await call(node.broker, "orders.place", order, ann);
	await call(node.broker, "orders.place", { ...order, side: "sell", quantity: "0.4" }, bob);
	const { order: canceled } = await call(node.broker, "orders.place", order, bob);
	await call(node.broker, "orders.cancel", { order_id: canceled.order_id }, bob);
	await call(node.broker, "orders.place", { ...order, quantity: "10000" }, ann);
	const legs = [{ price: "90" }, { stop_price: "110" }];
	await call(
		node.broker,
		"orders.place",
		{ symbol: "BTC-USD", side: "buy", quantity: "1", order_class: "oco", legs },
		ann,
	);
}

/** Nothing is under way, so one look is enough. */
async function findings(looks = 1): Promise<Map<string, Finding>> {
	const found = new Map<string, Finding>();
	await verify(env().databaseUrl, (finding) => void found.set(finding.id, finding), looks);
	return found;
}

const broken = async () =>
	[...(await findings()).values()].filter(({ offences }) => offences.length > 0).map(({ id }) => id);

test("all invariants hold after some trading, and there was something to look at", async () => {
	const found = await findings(4);
	expect([...found.values()].flatMap(({ id, offences }) => offences.map((offence) => `${id} ${offence}`))).toEqual([]);
	expect(found.size).toBeGreaterThanOrEqual(12);
	const [{ events } = { events: "0" }] = await node.dbs.events.query<{ events: string }>(
		"SELECT count(*) AS events FROM events",
	);
	expect(Number(events)).toBeGreaterThan(10);
});

/** Breaks something behind the services' back, and mends it. Guards that would refuse it are out of the way. */
const DAMAGES: readonly (readonly [
	what: string,
	expected: string,
	service: StatefulService,
	damage: string,
	repair: string,
])[] = [
	[
		"a posting of the wrong amount",
		"I1",
		"trading",
		"ALTER TABLE postings DISABLE TRIGGER USER; UPDATE postings SET amount = amount + 1 WHERE posting_id = 1",
		"UPDATE postings SET amount = amount - 1 WHERE posting_id = 1; ALTER TABLE postings ENABLE TRIGGER USER",
	],
	[
		"a balance that no posting explains",
		"I2",
		"trading",
		"UPDATE accounts SET balance = balance + 1 WHERE owner LIKE 'fees:%'",
		"UPDATE accounts SET balance = balance - 1 WHERE owner LIKE 'fees:%'",
	],
	[
		"a deposit that nobody made",
		"I3",
		"trading",
		"UPDATE transfers SET amount = amount + 1",
		"UPDATE transfers SET amount = amount - 1",
	],
	[
		"an order that trading knows otherwise",
		"I4",
		"orders",
		"UPDATE orders SET fee = fee + 1 WHERE status = 'filled'",
		"UPDATE orders SET fee = fee - 1 WHERE status = 'filled'",
	],
	[
		"a trade for less than its orders were filled",
		"I5",
		"trading",
		"UPDATE trades SET quantity = quantity / 2",
		"UPDATE trades SET quantity = quantity * 2",
	],
	[
		"a position of more than was bought",
		"I5",
		"trading",
		"UPDATE positions SET lots = lots + 1 WHERE lots > 0",
		"UPDATE positions SET lots = lots - 1 WHERE lots > 0",
	],
	[
		"an event of an order that is missing",
		"I6",
		"orders",
		"UPDATE outbox SET aggregate_seq = aggregate_seq + 10 WHERE type = 'orders.executed'",
		"UPDATE outbox SET aggregate_seq = aggregate_seq - 10 WHERE type = 'orders.executed'",
	],
	[
		"a hold that is too small",
		"I7",
		"trading",
		"UPDATE orders SET hold = hold - 1 WHERE status = 'partially_filled'",
		"UPDATE orders SET hold = hold + 1 WHERE status = 'partially_filled'",
	],
	[
		"the stop of a pair that holds as if it were alone",
		"I7",
		"trading",
		"UPDATE orders SET hold = hold + 90.18 WHERE status = 'held'",
		"UPDATE orders SET hold = hold - 90.18 WHERE status = 'held'",
	],
	[
		"a pair of which one has more left than the other",
		"I16",
		"trading",
		"UPDATE orders SET quantity_lots = quantity_lots + 1 WHERE status = 'held'",
		"UPDATE orders SET quantity_lots = quantity_lots - 1 WHERE status = 'held'",
	],
	[
		"an oco that has filled what its legs have not",
		"I16",
		"orders",
		"UPDATE orders SET filled_quantity = 0.5 WHERE order_class = 'oco' AND parent_id IS NULL",
		"UPDATE orders SET filled_quantity = 0 WHERE order_class = 'oco' AND parent_id IS NULL",
	],
	[
		"an order of which the book shows less than there is",
		"I13",
		"trading",
		"UPDATE orders SET visible_lots = visible_lots - 1 WHERE status = 'partially_filled'",
		"UPDATE orders SET visible_lots = visible_lots + 1 WHERE status = 'partially_filled'",
	],
	[
		"an order that cost more than its notional",
		"I15",
		"trading",
		"UPDATE orders SET notional = filled_notional / 2 WHERE filled_lots > 0",
		"UPDATE orders SET notional = NULL WHERE filled_lots > 0",
	],
	[
		"a fill-or-kill order that is filled in part",
		"I15",
		"trading",
		"UPDATE orders SET time_in_force = 'fok' WHERE status = 'partially_filled'",
		"UPDATE orders SET time_in_force = 'gtc' WHERE status = 'partially_filled'",
	],
	[
		"an order that names another in its place, which knows nothing of it",
		"I15",
		"trading",
		"UPDATE orders SET replaced_by = (SELECT order_id FROM orders WHERE status = 'filled') WHERE status = 'canceled'",
		"UPDATE orders SET replaced_by = NULL WHERE status = 'canceled'",
	],
	[
		"an event that the history does not have",
		"I8",
		"events",
		`CREATE TABLE lost AS SELECT * FROM events WHERE type = 'orders.executed';
		DELETE FROM events WHERE type = 'orders.executed'`,
		"INSERT INTO events OVERRIDING SYSTEM VALUE SELECT * FROM lost; DROP TABLE lost",
	],
	[
		"an event that a consumer never took",
		"I9",
		"orders",
		"CREATE TABLE lost AS SELECT * FROM inbox; DELETE FROM inbox",
		"INSERT INTO inbox SELECT * FROM lost; DROP TABLE lost",
	],
	[
		"a record of the audit that is not what it was",
		"I10",
		"audit",
		"ALTER TABLE records DISABLE TRIGGER USER; UPDATE records SET object = object || 'x' WHERE seq = 3",
		"UPDATE records SET object = left(object, -1) WHERE seq = 3; ALTER TABLE records ENABLE TRIGGER USER",
	],
	[
		"a last record of the audit that is missing",
		"I10",
		"audit",
		`CREATE TABLE lost AS SELECT * FROM records ORDER BY seq DESC LIMIT 1;
		ALTER TABLE records DISABLE TRIGGER USER; DELETE FROM records WHERE seq = (SELECT seq FROM lost)`,
		"INSERT INTO records SELECT * FROM lost; DROP TABLE lost; ALTER TABLE records ENABLE TRIGGER USER",
	],
	[
		"an event whose data are not those that the audit has seen",
		"I10",
		"events",
		"UPDATE events SET data = (data::text || ' ')::json WHERE type = 'orders.executed'",
		"UPDATE events SET data = rtrim(data::text)::json WHERE type = 'orders.executed'",
	],
	[
		"an event that the audit never took",
		"I10",
		"events",
		`INSERT INTO events
			(event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id, occurred_at)
			VALUES (gen_random_uuid(), 'config.changed', 'config', 'unheard-of', 1, 1, '{}', 'c', now())`,
		"DELETE FROM events WHERE aggregate_id = 'unheard-of'",
	],
	[
		"a dead letter",
		"I11",
		"orders",
		`INSERT INTO deliveries (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, next_try_at)
			VALUES (gen_random_uuid(), 'x', 1, '{}', 'dead', 5, now())`,
		"DELETE FROM deliveries",
	],
	[
		"a crossed book",
		"I13",
		"trading",
		"UPDATE orders SET side = 'sell', price_ticks = 1, status = 'open', hold = 0 WHERE status = 'canceled'",
		"UPDATE orders SET side = 'buy', price_ticks = 10000, status = 'canceled' WHERE price_ticks = 1",
	],
	[
		"a halt that has left an order open",
		"I14",
		"orders",
		`INSERT INTO cancel_sweeps (event_id, correlation_id, symbol, created_until, done_at)
			VALUES (gen_random_uuid(), 'halt', 'BTC-USD', now() + interval '1 hour', now())`,
		"DELETE FROM cancel_sweeps",
	],
];

test.each(DAMAGES)("%s breaks %s", async (_what, expected, service, damage, repair) => {
	await node.dbs[service].query(damage);
	try {
		expect(await broken()).toContain(expected);
	} finally {
		await node.dbs[service].query(repair);
	}
	await until(async () => (await broken()).length === 0);
});
