import { v7 as newId } from "uuid";
import { type Db, openDb } from "../../lib/db.ts";
import { browseOrders, listOrders } from "../../services/orders/orders.queries.ts";
import { findEarlier } from "../../services/orders/orders.store.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { rowsReadBy } from "../support/plan.ts";

const HISTORY = 5_000;
/** Far less than a history, and more than what a page is made from. */
const FEW = 100;

let database: TestDatabase;
/** As the service has it. */
let db: Db;
const userId = newId();
beforeAll(async () => {
	database = await createDatabase("orders");
	db = openDb(database.url, { applicationName: "orders", poolSize: 2, byKeys: true });
	// Those that are open were placed before all others.
	for (const [status, count] of [
		["pending", 2],
		["held", 2],
		["open", 2],
		["partially_filled", 2],
		["canceled", HISTORY],
	] as const)
		await place(status, count);
	await db.query("ANALYZE orders");
});
afterAll(async () => {
	await db.close();
	await database.drop();
});

function place(status: string, count: number) {
	return db.query(
		`INSERT INTO orders (order_id, user_id, symbol, side, order_type, time_in_force, quantity, price, status,
			fee_asset, metadata, correlation_id, client_order_id, idempotency_key, closed_at, filled_quantity)
		SELECT id, $2, 'BTC-USD', 'buy', 'limit', 'gtc', 2, 1, $3::text, 'USD', '{}', 'history', id, id,
			CASE WHEN $3::text = 'canceled' THEN now() END, CASE WHEN $3::text = 'partially_filled' THEN 1 ELSE 0 END
		FROM unnest($1::uuid[]) AS id`,
		[Array.from({ length: count }, () => newId()), userId, status],
	);
}

test.each(["pending", "held", "open", "partially_filled"] as const)(
	"who has a long history is shown his %s orders without it being read",
	async (status) => {
		const { items } = await listOrders(db, userId, { status });
		expect(items.map((order) => order.status)).toEqual([status, status]);
		expect(await rowsReadBy(db, (on) => listOrders(on, userId, { status }))).toBeLessThan(FEW);
		const narrowed = { status, symbol: "BTC-USD", limit: 1 };
		expect(await rowsReadBy(db, (on) => listOrders(on, userId, narrowed))).toBeLessThan(FEW);
		expect(await rowsReadBy(db, (on) => browseOrders(on, { user_id: userId, status, limit: 50 }))).toBeLessThan(FEW);
	},
);

test("a page from the middle of a long history is read from there", async () => {
	let page = await listOrders(db, userId, { limit: FEW / 2 });
	for (let pages = 1; pages < 10; pages++)
		page = await listOrders(db, userId, { limit: FEW / 2, cursor: page.next_cursor as string });
	expect(page.items).toHaveLength(FEW / 2);
	const cursor = page.next_cursor as string;
	expect(await rowsReadBy(db, (on) => listOrders(on, userId, { limit: FEW / 2, cursor }))).toBeLessThan(FEW);
});

test("what a repeated request has placed is found without a history being read", async () => {
	const { items } = await listOrders(db, userId, { limit: 2 });
	const [one, two] = items.map((order) => order.order_id) as [string, string];
	const claims = [
		{ userId, idempotencyKey: one, terms: { client_order_id: two } },
		{ userId, idempotencyKey: "new", terms: { client_order_id: two } },
		{ userId, idempotencyKey: null, terms: { client_order_id: one } },
		{ userId, idempotencyKey: null, terms: { client_order_id: null } },
		{ userId: newId(), idempotencyKey: one, terms: { client_order_id: one } },
	];
	const earlierOf = await findEarlier(db, claims);
	expect(claims.map((claim) => earlierOf(claim)?.order_id)).toEqual([one, two, one, undefined, undefined]);
	expect(await rowsReadBy(db, (on) => findEarlier(on, claims))).toBeLessThan(FEW);
});
