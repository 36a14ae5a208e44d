import { v7 as newId } from "uuid";
import { type Db, openDb } from "../../lib/db.ts";
import { listFills, listPostings } from "../../services/trading/trading.queries.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { rowsReadBy } from "../support/plan.ts";

const HISTORY = 100;
/** Each with such a history. */
const USERS = 500;
const PAGE = 10;
/** Far less than a history, and more than what a page is made from. */
const FEW = 50;

let database: TestDatabase;
/** As the service has it. */
let db: Db;
const users = Array.from({ length: USERS }, () => newId());
const [ann = ""] = users;
/** Hers that traded once, before all others. */
const firstOrder = newId();
beforeAll(async () => {
	database = await createDatabase("trading");
	db = openDb(database.url, { applicationName: "trading", poolSize: 2, byKeys: true });
	await db.transaction(async (tx) => {
		// What rows refer to is none of this test's business.
		await tx.query("SET LOCAL session_replication_role = replica");
		await tx.query(
			`INSERT INTO markets (symbol, base_asset, quote_asset, tick_size, lot_size, maker_fee_bps, taker_fee_bps, status)
			VALUES ('BTC-USD', 'BTC', 'USD', 0.01, 0.0001, 10, 20, 'trading')`,
		);
		await tx.query(
			`INSERT INTO trades (trade_id, symbol, trade_seq, price, quantity, taker_side, maker_order_id, taker_order_id,
				maker_user_id, taker_user_id, maker_fee, taker_fee, maker_report_seq, taker_report_seq, created_at)
			SELECT trade_id, 'BTC-USD', trade_seq, 100, 1, 'buy',
				CASE trade_seq WHEN 1 THEN $2::uuid ELSE gen_random_uuid() END, gen_random_uuid(),
				($3::uuid[])[1 + (trade_seq - 1) % $4], ($3::uuid[])[1 + trade_seq % $4], 0, 0, 1, 1, now()
			FROM unnest($1::uuid[]) WITH ORDINALITY AS t (trade_id, trade_seq)`,
			[Array.from({ length: HISTORY * USERS }, () => newId()), firstOrder, users, USERS],
		);
		await tx.query(
			`INSERT INTO accounts (owner, asset, kind, balance)
			SELECT owner, asset, 'user', 0 FROM unnest($1::text[]) AS owner, unnest('{BTC,USD}'::text[]) AS asset`,
			[users],
		);
		await tx.query(
			`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
			SELECT gen_random_uuid(), 'deposit', gen_random_uuid(), owner, 'BTC', 1 FROM unnest($1::text[]) AS owner`,
			[users],
		);
		await tx.query(
			`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
			SELECT gen_random_uuid(), 'trade', gen_random_uuid(), owner, 'USD', 1
			FROM generate_series(1, $2::integer), unnest($1::text[]) AS owner`,
			[users, HISTORY],
		);
	});
	await db.query("ANALYZE");
});
afterAll(async () => {
	await db.close();
	await database.drop();
});

/** The cursor of the tenth page of a list. */
async function tenth(list: (cursor: object) => Promise<{ readonly next_cursor: string | null }>): Promise<string> {
	let cursor: string | null = null;
	for (let pages = 1; pages < 10; pages++) ({ next_cursor: cursor } = await list(cursor === null ? {} : { cursor }));
	if (cursor === null) throw new Error("a history has more pages");
	return cursor;
}

test("the fills of one order are read without those of the others", async () => {
	const { items } = await listFills(db, ann, { order_id: firstOrder });
	expect(items).toMatchObject([{ order_id: firstOrder, liquidity: "maker", side: "sell" }]);
	expect(await rowsReadBy(db, (on) => listFills(on, ann, { order_id: firstOrder }))).toBeLessThan(FEW);
});

test.each([
	["fills", (on: Db, query: object) => listFills(on, ann, { limit: PAGE, ...query })],
	["the ledger", (on: Db, query: object) => listPostings(on, ann, { limit: PAGE, ...query })],
	["the ledger of an asset", (on: Db, query: object) => listPostings(on, ann, { asset: "USD", limit: PAGE, ...query })],
])("a page from the middle of %s is read from there", async (_what, list) => {
	const cursor = await tenth((query) => list(db, query));
	expect(await rowsReadBy(db, (on) => list(on, {}))).toBeLessThan(FEW);
	expect(await rowsReadBy(db, (on) => list(on, { cursor }))).toBeLessThan(FEW);
});

test("the ledger of an asset that a user rarely has is read without the rest of it", async () => {
	const { items } = await listPostings(db, ann, { asset: "BTC" });
	expect(items).toMatchObject([{ asset: "BTC", kind: "deposit" }]);
	expect(await rowsReadBy(db, (on) => listPostings(on, ann, { asset: "BTC" }))).toBeLessThan(FEW);
});

test("the ledger of all assets is one list, newest first, page by page", async () => {
	const { items } = await listPostings(db, ann, { limit: 2 * HISTORY });
	expect(items.map(({ asset }) => asset)).toEqual([...Array(HISTORY).fill("USD"), "BTC"]);
	const paged = [];
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const page = await listPostings(db, ann, { limit: PAGE, ...(cursor && { cursor }) });
		paged.push(...page.items);
		cursor = page.next_cursor;
	}
	expect(paged).toEqual(items);
});
