import type { Instrument } from "../../contracts/data.ts";
import type { Side } from "../../contracts/orders.ts";
import type { MarketLease } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { type Market, marketOf } from "./domain/market.ts";

/** How long a writer owns a market without renewing: on the database's clock. */
export const LEASE_MS = 5_000;
const LEASE = `interval '${LEASE_MS} milliseconds'`;

/** Who writes a market; `epoch` grows with each new writer, `bookSeq` with each change of the book. */
export interface Lease {
	readonly epoch: string;
	readonly ownerNode: string;
	readonly mine: boolean;
	readonly bookSeq: number;
}

/** Keeps the rules of a market the first time it is asked for; later they stay as they were. */
export async function keepMarket(tx: Tx, instrument: Instrument): Promise<void> {
	await tx.query(
		`INSERT INTO markets (symbol, base_asset, quote_asset, tick_size, lot_size, maker_fee_bps, taker_fee_bps, status)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		[
			instrument.symbol,
			instrument.base_asset,
			instrument.quote_asset,
			instrument.tick_size,
			instrument.lot_size,
			instrument.maker_fee_bps,
			instrument.taker_fee_bps,
			instrument.status,
		],
	);
}

/** The rules of a market that has been kept, or null. */
export async function loadMarket(tx: Tx, symbol: string): Promise<Market | null> {
	const [row] = await tx.query<Parameters<typeof marketOf>[0]>("SELECT * FROM markets WHERE symbol = $1", [symbol]);
	return row ? marketOf(row) : null;
}

/** The markets that `node` wrote last in which orders rest or wait. */
export async function readMarketsOf(db: Db, node: string): Promise<string[]> {
	const rows = await db.query<{ symbol: string }>(
		`SELECT symbol FROM markets m WHERE owner_node = $1 AND EXISTS (
			SELECT FROM orders o WHERE o.symbol = m.symbol AND status IN ('held', 'open', 'partially_filled'))
		ORDER BY symbol`,
		[node],
	);
	return rows.map((row) => row.symbol);
}

/**
 * Takes the market for this process if nobody else holds it. A node of the same id is this node's earlier life: it
 * need not be waited for, since its commits fail on the new epoch.
 */
export async function takeLease(tx: Tx, symbol: string, node: string, instance: string): Promise<Lease> {
	const [taken] = await tx.query<{ epoch: string; book_seq: string }>(
		`UPDATE markets SET owner_node = $2, owner_instance = $3, epoch = epoch + 1,
			lease_until = clock_timestamp() + ${LEASE}
		WHERE symbol = $1 AND (lease_until < clock_timestamp() OR owner_node = $2) RETURNING epoch, book_seq`,
		[symbol, node, instance],
	);
	if (taken) return { epoch: taken.epoch, ownerNode: node, mine: true, bookSeq: Number(taken.book_seq) };
	const [held] = await tx.query<{ epoch: string; owner_node: string; book_seq: string }>(
		"SELECT epoch, owner_node, book_seq FROM markets WHERE symbol = $1",
		[symbol],
	);
	if (!held) throw new Error(`market ${symbol} has no row`);
	return { epoch: held.epoch, ownerNode: held.owner_node, mine: false, bookSeq: Number(held.book_seq) };
}

/**
 * The first statement of every change to a market: fences off a writer that has been superseded, renews the lease and
 * locks the row until the commit. Gives the transaction's time and the number of the book that it makes, or null when
 * the epoch is no longer in force.
 */
export async function fence(tx: Tx, symbol: string, epoch: string): Promise<{ now: Date; bookSeq: number } | null> {
	const [row] = await tx.query<{ now: Date; book_seq: string }>(
		`UPDATE markets SET lease_until = clock_timestamp() + ${LEASE}, book_seq = book_seq + 1
		WHERE symbol = $1 AND epoch = $2 RETURNING now(), book_seq`,
		[symbol, epoch],
	);
	return row ? { now: row.now, bookSeq: Number(row.book_seq) } : null;
}

/** The database's time. */
export async function readNow(tx: Tx): Promise<Date> {
	const [row] = await tx.query<{ now: Date }>("SELECT now()");
	if (!row) throw new Error("the database tells no time");
	return row.now;
}

/** Renews leases in one statement; gives the symbols that are still this process's. */
export async function renewLeases(tx: Tx, instance: string, symbols: readonly string[]): Promise<string[]> {
	const rows = await tx.query<{ symbol: string }>(
		`UPDATE markets SET lease_until = clock_timestamp() + ${LEASE}
		WHERE owner_instance = $1 AND symbol = ANY($2::text[]) RETURNING symbol`,
		[instance, symbols],
	);
	return rows.map((row) => row.symbol);
}

/** Gives all leases of this process back, so that the next writer need not wait for them to run out. */
export async function releaseLeases(tx: Tx, instance: string): Promise<void> {
	await tx.query("UPDATE markets SET lease_until = '-infinity' WHERE owner_instance = $1", [instance]);
}

/** The node that holds the lease of a market; null when nobody does. */
export async function readOwner(db: Db, symbol: string): Promise<string | null> {
	const [row] = await db.query<{ owner_node: string }>(
		"SELECT owner_node FROM markets WHERE symbol = $1 AND lease_until > clock_timestamp()",
		[symbol],
	);
	return row?.owner_node ?? null;
}

/** The lease of every market. */
export async function readLeases(db: Db): Promise<MarketLease[]> {
	const rows = await db.query<Omit<MarketLease, "epoch"> & { readonly epoch: string }>(
		`SELECT symbol, CASE WHEN left_ms > 0 THEN owner_node END AS owner, epoch, left_ms
		FROM (
			SELECT symbol, owner_node, epoch,
				CASE WHEN lease_until > clock_timestamp()
					THEN ceil(extract(epoch FROM lease_until - clock_timestamp()) * 1000) ELSE 0 END::integer AS left_ms
			FROM markets) m
		ORDER BY symbol`,
	);
	return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

/** Price levels of a book, best first, as `[ticks, lots]`; `sequence` grows with every change of it. */
export interface BookLevels {
	readonly sequence: number;
	readonly bids: readonly (readonly [ticks: number, lots: number])[];
	readonly asks: readonly (readonly [ticks: number, lots: number])[];
}

/** The best `depth` levels of each side of the committed book: any node can answer, by reading all that rests. */
export async function readLevels(db: Db, symbol: string, depth: number): Promise<BookLevels> {
	const rows = await db.query<{ side: Side; price_ticks: string; lots: string; sequence: string }>(
		`WITH market AS (SELECT book_seq FROM markets WHERE symbol = $1),
		levels AS (
			SELECT side, price_ticks, sum(visible_lots) AS lots,
				row_number() OVER (PARTITION BY side ORDER BY price_ticks * CASE side WHEN 'buy' THEN -1 ELSE 1 END) AS place
			FROM orders WHERE symbol = $1 AND status IN ('open', 'partially_filled') GROUP BY side, price_ticks
		)
		SELECT side, price_ticks, lots, book_seq AS sequence FROM market LEFT JOIN levels ON place <= $2 ORDER BY place`,
		[symbol, depth],
	);
	const levelsOf = (side: Side) =>
		rows.filter((row) => row.side === side).map((row) => [Number(row.price_ticks), Number(row.lots)] as const);
	return { sequence: Number(rows[0]?.sequence ?? 0), bids: levelsOf("buy"), asks: levelsOf("sell") };
}
