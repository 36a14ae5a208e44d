import type { Envelope } from "../../contracts/events.ts";
import type { Side } from "../../contracts/orders.ts";
import type { TradingHalted } from "../../contracts/risk.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { OrderRecord } from "./domain/order.ts";
import { type OrderRow, recordOf } from "./orders.store.ts";

/** Open orders to be canceled: those created until a moment, of one symbol, user or side where that is not null. */
export interface CancelSweep {
	/** The halt that asked for it. */
	readonly event_id: string;
	readonly correlation_id: string;
	readonly symbol: string | null;
	readonly user_id: string | null;
	readonly side: Side | null;
	/** As PostgreSQL writes it: a Date would lose its microseconds. */
	readonly created_until: string;
}

/**
 * Clocks of two databases differ by less, and a halt is committed sooner after its event is staged. It keeps a halt
 * that arrives late, perhaps after trading has resumed, from what was placed since.
 */
const MAX_LATENESS = "1 minute";

/**
 * Keeps what these halts are to cancel. Whatever risk allowed before a halt had been kept here before that, so it is
 * among the orders created until now.
 */
export async function keepSweeps(
	tx: Tx,
	halts: readonly Envelope<"risk.trading_halted", TradingHalted>[],
): Promise<void> {
	const idOf = (scope: TradingHalted["scope"]) => halts.map(({ data }) => (data.scope === scope ? data.id : null));
	await tx.query(
		`INSERT INTO cancel_sweeps (event_id, correlation_id, symbol, user_id, side, created_until)
		SELECT event_id, correlation_id, symbol, user_id, side, least(now(), halted_at + interval '${MAX_LATENESS}')
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[])
			AS halt (event_id, correlation_id, symbol, user_id, side, halted_at)
		ON CONFLICT (event_id) DO NOTHING`,
		[
			halts.map((halt) => halt.event_id),
			halts.map((halt) => halt.correlation_id),
			idOf("symbol"),
			idOf("user"),
			halts.map(({ data }) => (data.mode === "reducing" ? "buy" : null)),
			halts.map((halt) => halt.timestamp),
		],
	);
}

/** The sweeps that have not ended, oldest first. */
export function selectSweeps(db: Db, limit: number): Promise<CancelSweep[]> {
	return db.query<CancelSweep>(
		`SELECT event_id, correlation_id, symbol, user_id, side, created_until::text FROM cancel_sweeps
		WHERE done_at IS NULL ORDER BY event_id LIMIT $1`,
		[limit],
	);
}

/** An order that a halt is to cancel. */
export interface SweptOrder {
	readonly order: OrderRecord;
	readonly sweep: CancelSweep;
}

const SWEPT = `closed_at IS NULL AND created_at <= $1 AND ($2::text IS NULL OR symbol = $2)
	AND ($3::uuid IS NULL OR user_id = $3) AND ($4::text IS NULL OR side = $4)`;

function sweptBy({ created_until, symbol, user_id, side }: CancelSweep): (string | null)[] {
	return [created_until, symbol, user_id, side];
}

/** Whether any order of a sweep has not ended, pending ones too. */
export async function hasSwept(db: Db, sweep: CancelSweep): Promise<boolean> {
	const [row] = await db.query<{ left: boolean }>(
		`SELECT EXISTS (SELECT FROM orders WHERE ${SWEPT}) AS "left"`,
		sweptBy(sweep),
	);
	return row?.left === true;
}

/** The symbols of a sweep's orders that have not ended. */
export async function selectSweptSymbols(db: Db, sweep: CancelSweep): Promise<string[]> {
	const rows = await db.query<{ symbol: string }>(`SELECT DISTINCT symbol FROM orders WHERE ${SWEPT}`, sweptBy(sweep));
	return rows.map((row) => row.symbol);
}

/**
 * The next orders of a sweep that their market has, by user and then by age: in the order of an index. Pending ones are
 * on their way to be denied or to open, and one that its market has ended before can no longer be denied.
 */
export async function selectSwept(
	db: Db,
	sweep: CancelSweep,
	after: OrderRecord | undefined,
	limit: number,
): Promise<SweptOrder[]> {
	const rows = await db.query<OrderRow>(
		`SELECT * FROM orders WHERE ${SWEPT} AND status <> 'pending'
			AND ($5::uuid IS NULL OR (user_id, order_id) > ($5, $6::uuid))
		ORDER BY user_id, order_id LIMIT $7`,
		[...sweptBy(sweep), after?.user_id ?? null, after?.order_id ?? null, limit],
	);
	return rows.map((row) => ({ order: recordOf(row), sweep }));
}

/** Ends a sweep that has found nothing. */
export async function finishSweep(db: Db, { event_id }: CancelSweep): Promise<void> {
	await db.transaction((tx) => tx.query("UPDATE cancel_sweeps SET done_at = now() WHERE event_id = $1", [event_id]));
}
