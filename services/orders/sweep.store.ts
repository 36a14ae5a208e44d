import type { Db } from "../../lib/db.ts";
import type { OrderRecord } from "./domain/order.ts";
import { type OrderRow, recordOf } from "./orders.store.ts";

/** An order that somebody must see to, and its place among those of its market: as PostgreSQL writes it, exactly. */
export interface DueOrder {
	readonly order: OrderRecord;
	readonly at: string;
}

/** As the index has it. */
const EXPIRING = "status IN ('held', 'open', 'partially_filled') AND expires_at IS NOT NULL";

/** The symbols of orders that end at some time, past or to come: an index gives one by each step. */
export async function selectExpiringSymbols(db: Db): Promise<string[]> {
	const first = (after: string) => `SELECT symbol FROM orders
		WHERE ${EXPIRING} AND symbol > ${after} ORDER BY symbol LIMIT 1`;
	const rows = await db.query<{ symbol: string }>(
		`WITH RECURSIVE found AS (
			(${first("''")})
			UNION ALL SELECT (${first("found.symbol")}) FROM found WHERE symbol IS NOT NULL)
		SELECT symbol FROM found WHERE symbol IS NOT NULL`,
	);
	return rows.map((row) => row.symbol);
}

/**
 * The next orders of a market whose time is over by the database's clock: those that ended first before others. Legs
 * end with their oco.
 */
export async function selectOverdue(
	db: Db,
	symbol: string,
	after: DueOrder | undefined,
	limit: number,
): Promise<DueOrder[]> {
	const rows = await db.query<OrderRow & { at: string }>(
		`SELECT *, expires_at::text AS at FROM orders
		WHERE ${EXPIRING} AND symbol = $1 AND parent_id IS NULL AND expires_at <= clock_timestamp()
			AND ($2::timestamptz IS NULL OR (expires_at, order_id) > ($2, $3::uuid))
		ORDER BY expires_at, order_id LIMIT $4`,
		[symbol, after?.at ?? null, after?.order.order_id ?? null, limit],
	);
	return rows.map((row) => ({ order: recordOf(row), at: row.at }));
}

/** The symbols of orders that have been pending for longer than `ageS` seconds. */
export async function selectStaleSymbols(db: Db, ageS: number): Promise<string[]> {
	const rows = await db.query<{ symbol: string }>(
		`SELECT DISTINCT symbol FROM orders
		WHERE status = 'pending' AND created_at < clock_timestamp() - make_interval(secs => $1)`,
		[ageS],
	);
	return rows.map((row) => row.symbol);
}

/** An order that nobody drives any more; `timedOut` when it is to be expired. */
export interface StaleOrder extends DueOrder {
	readonly timedOut: boolean;
}

/** The next orders of a market, legs aside, pending for longer than `ageS` seconds, and whether for `timeoutS`. */
export async function selectStalePending(
	db: Db,
	symbol: string,
	{ ageS, timeoutS }: { readonly ageS: number; readonly timeoutS: number },
	after: DueOrder | undefined,
	limit: number,
): Promise<StaleOrder[]> {
	const rows = await db.query<OrderRow & { at: string; timed_out: boolean }>(
		`SELECT *, created_at::text AS at, created_at < clock_timestamp() - make_interval(secs => $3) AS timed_out
		FROM orders
		WHERE status = 'pending' AND symbol = $1 AND parent_id IS NULL
			AND created_at < clock_timestamp() - make_interval(secs => $2)
			AND ($4::timestamptz IS NULL OR (created_at, order_id) > ($4, $5::uuid))
		ORDER BY created_at, order_id LIMIT $6`,
		[symbol, ageS, timeoutS, after?.at ?? null, after?.order.order_id ?? null, limit],
	);
	return rows.map((row) => ({ order: recordOf(row), at: row.at, timedOut: row.timed_out }));
}
