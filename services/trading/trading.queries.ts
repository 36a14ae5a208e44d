import type { Page, PageQuery } from "../../contracts/common.ts";
import type { RejectCode, Side } from "../../contracts/orders.ts";
import type { Balance, Depth, ExecutionReport, Fill, Posting } from "../../contracts/trading.ts";
import type { Db } from "../../lib/db.ts";
import { fromUnits, normalize, subtractDecimals } from "../../lib/kernel/decimal.ts";
import { NUMBER_KEY, pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import { readAccounts } from "./account.store.ts";
import { accountOf, availableOn } from "./domain/accounts.ts";
import { addOrder, emptyBook, findMatches } from "./domain/book.ts";
import { rejectionOf, requiredFunds } from "./domain/execute.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market } from "./domain/market.ts";
import type { ExecutionOrder } from "./domain/order.ts";
import { loadBestOrders } from "./execution.store.ts";

/** An order has at most as many fills as it has lots; a report of all of them reads this many. */
const MAX_REPORTED_FILLS = 100_000;
const DEFAULT_DEPTH = 50;

interface ReportRow {
	order_id: string;
	user_id: string;
	symbol: string;
	status: ExecutionReport["status"];
	reject_code: RejectCode | null;
	report_seq: number;
	filled: string;
	filled_notional: string;
	fee: string;
	quote_asset: string;
	updated_at: Date;
}

/** What has become of an order so far with all its fills, or null when it never arrived. */
export async function readReport(db: Db, orderId: string): Promise<ExecutionReport | null> {
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const [row] = await tx.query<ReportRow>(
			`SELECT o.*, o.filled_lots * m.lot_size AS filled, m.quote_asset
			FROM orders o JOIN markets m USING (symbol) WHERE order_id = $1`,
			[orderId],
		);
		if (!row) return null;
		const fills = await tx.query<FillRow>(
			`SELECT f.*, m.quote_asset FROM fills f JOIN markets m USING (symbol)
			WHERE order_id = $1 ORDER BY report_seq, trade_id LIMIT ${MAX_REPORTED_FILLS}`,
			[orderId],
		);
		return {
			order_id: row.order_id,
			user_id: row.user_id,
			symbol: row.symbol,
			previous_seq: 0,
			report_seq: row.report_seq,
			status: row.status,
			reject_code: row.reject_code,
			filled_quantity: normalize(row.filled),
			filled_notional: normalize(row.filled_notional),
			fee: normalize(row.fee),
			fee_asset: row.quote_asset,
			fills: fills.map(fillOf),
			timestamp: row.updated_at.toISOString(),
		};
	});
}

interface FillRow {
	trade_id: string;
	order_id: string;
	user_id: string;
	symbol: string;
	side: Side;
	liquidity: "maker" | "taker";
	price: string;
	quantity: string;
	fee: string;
	report_seq: number;
	created_at: Date;
	quote_asset: string;
}

function fillOf({ quote_asset, created_at, ...row }: FillRow): Fill {
	return {
		...row,
		price: normalize(row.price),
		quantity: normalize(row.quantity),
		fee: normalize(row.fee),
		fee_asset: quote_asset,
		created_at: created_at.toISOString(),
	};
}

/** The fills of a user, newest first; of one order when asked. */
export async function listFills(
	db: Db,
	userId: string,
	query: PageQuery & { readonly order_id?: string },
): Promise<Page<Fill>> {
	const { limit, after } = positionOf(query, UUID_KEY);
	const rows = await db.query<FillRow>(
		`SELECT f.*, m.quote_asset FROM fills f JOIN markets m USING (symbol)
		WHERE user_id = $1 AND ($2::uuid IS NULL OR order_id = $2) AND ($3::uuid IS NULL OR trade_id < $3)
		ORDER BY trade_id DESC LIMIT $4`,
		[userId, query.order_id ?? null, after, limit + 1],
	);
	return pageOf(rows, limit, (row) => row.trade_id, fillOf);
}

/** The balances of a user in every asset that anything ever happened in. */
export async function listBalances(db: Db, userId: string): Promise<Balance[]> {
	const rows = await db.query<{ asset: string; balance: string; held: string }>(
		"SELECT asset, balance, held FROM accounts WHERE owner = $1 ORDER BY asset",
		[userId],
	);
	return rows.map(({ asset, balance, held }) => ({
		asset,
		balance: normalize(balance),
		held: normalize(held),
		available: subtractDecimals(balance, held),
	}));
}

interface PostingRow {
	posting_id: string;
	journal_id: string;
	kind: Posting["kind"];
	reference_id: string;
	asset: string;
	amount: string;
	created_at: Date;
}

/** The ledger of a user's accounts, newest first. */
export async function listPostings(
	db: Db,
	userId: string,
	query: PageQuery & { readonly asset?: string },
): Promise<Page<Posting>> {
	const { limit, after } = positionOf(query, NUMBER_KEY);
	const rows = await db.query<PostingRow>(
		`SELECT posting_id, journal_id, kind, reference_id, asset, amount, created_at FROM postings
		WHERE owner = $1 AND ($2::text IS NULL OR asset = $2) AND ($3::bigint IS NULL OR posting_id < $3)
		ORDER BY posting_id DESC LIMIT $4`,
		[userId, query.asset ?? null, after, limit + 1],
	);
	return pageOf(
		rows,
		limit,
		(row) => row.posting_id,
		({ created_at, ...row }) => ({ ...row, amount: normalize(row.amount), created_at: created_at.toISOString() }),
	);
}

/** The committed book, best prices first: any node can answer. */
export async function readDepth(db: Db, market: Market, depth = DEFAULT_DEPTH): Promise<Depth> {
	const rows = await db.query<{ side: Side; price_ticks: string; lots: string; sequence: string }>(
		`WITH market AS (SELECT book_seq FROM markets WHERE symbol = $1),
		levels AS (
			SELECT side, price_ticks, sum(quantity_lots - filled_lots) AS lots,
				row_number() OVER (PARTITION BY side ORDER BY price_ticks * CASE side WHEN 'buy' THEN -1 ELSE 1 END) AS place
			FROM orders WHERE symbol = $1 AND status IN ('open', 'partially_filled') GROUP BY side, price_ticks
		)
		SELECT side, price_ticks, lots, book_seq AS sequence FROM market LEFT JOIN levels ON place <= $2 ORDER BY place`,
		[market.symbol, depth],
	);
	const levelsOf = (side: Side) =>
		rows
			.filter((row) => row.side === side)
			.map((row) => [fromTicks(market, Number(row.price_ticks)), fromLots(market, Number(row.lots))] as const);
	return {
		symbol: market.symbol,
		sequence: Number(rows[0]?.sequence ?? 0),
		bids: levelsOf("buy"),
		asks: levelsOf("sell"),
	};
}

/** What executing `order` would meet now, by the rules that execute it, on committed rows; nothing is kept. */
export async function rehearse(
	db: Db,
	market: Market,
	order: ExecutionOrder,
): Promise<{ code: RejectCode | null; required: string; available: string }> {
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const book = emptyBook();
		for (const resting of await loadBestOrders(tx, market.symbol, order.side === "buy" ? "sell" : "buy"))
			addOrder(book, resting);
		const accounts = await readAccounts(tx, [order.userId], [market.baseAsset, market.quoteAsset]);
		const found = findMatches(book, order);
		const { asset, units } = requiredFunds(market, order, found);
		return {
			code: rejectionOf({ market, book, accounts }, order, found),
			required: fromUnits(units, ASSET_SCALE),
			available: fromUnits(availableOn(accountOf(accounts, order.userId, asset)), ASSET_SCALE),
		};
	});
}
