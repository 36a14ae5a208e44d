import type { Db, Tx } from "../../lib/db.ts";
import type { OrderRecord } from "./domain/order.ts";
import type { CheckedOrder } from "./domain/request.ts";
import { type OrderRow, recordOf } from "./orders.store.ts";

/** A leg about to be kept with its parent. */
export interface LegDraft {
	readonly orderId: string;
	readonly terms: CheckedOrder;
}

/**
 * Keeps the legs of a parent that has been kept. Those of an oco end when it does and are on their way with it, the
 * exits of a bracket wait. What a leg trades is its quantity, so `ordered_quantity` is not said.
 */
export async function insertLegs(tx: Tx, parentId: string, legs: readonly LegDraft[]): Promise<OrderRecord[]> {
	const column = <T>(pick: (leg: CheckedOrder) => T) => legs.map(({ terms }) => pick(terms));
	const rows = await tx.query<OrderRow>(
		`INSERT INTO orders (order_id, side, order_type, quantity, price, stop_price, trail_amount, trail_percent,
			time_in_force, parent_id, order_class, user_id, symbol, fee_asset, correlation_id, reduce_only,
			self_trade_prevention, expires_at, status, metadata)
		SELECT leg.*, p.order_id, p.order_class, p.user_id, p.symbol, p.fee_asset, p.correlation_id,
			p.reduce_only AND p.order_class = 'oco', p.self_trade_prevention,
			CASE p.order_class WHEN 'oco' THEN p.expires_at END,
			CASE p.order_class WHEN 'oco' THEN 'pending' ELSE 'held' END, '{}'
		FROM orders p, unnest($2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[],
			$8::numeric[], $9::numeric[], $10::text[]) AS leg
		WHERE p.order_id = $1 RETURNING *`,
		[
			parentId,
			legs.map((leg) => leg.orderId),
			column((leg) => leg.side),
			column((leg) => leg.order_type),
			column((leg) => leg.quantity),
			column((leg) => leg.price),
			column((leg) => leg.stop_price),
			column((leg) => leg.trail_amount),
			column((leg) => leg.trail_percent),
			column((leg) => leg.time_in_force),
		],
	);
	return rows.map(recordOf);
}

/** The legs of these parents, in the order that they were asked for. */
export async function readLegs(on: Db | Tx, parentIds: readonly string[]): Promise<OrderRecord[]> {
	const rows = await on.query<OrderRow>("SELECT * FROM orders WHERE parent_id = ANY($1::uuid[]) ORDER BY order_id", [
		parentIds,
	]);
	return rows.map(recordOf);
}

/** Locks these orders, in the order of their ids. */
export async function lockParents(tx: Tx, orderIds: readonly string[]): Promise<OrderRecord[]> {
	const rows = await tx.query<OrderRow>(
		"SELECT * FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE",
		[orderIds],
	);
	return rows.map(recordOf);
}

/** Locks the legs of these parents that have not ended and that no market has told of, in the order of their ids. */
export async function lockUntoldLegs(tx: Tx, parentIds: readonly string[]): Promise<OrderRecord[]> {
	const rows = await tx.query<OrderRow>(
		`SELECT * FROM orders WHERE parent_id = ANY($1::uuid[]) AND closed_at IS NULL AND report_seq = 0
		ORDER BY order_id FOR NO KEY UPDATE`,
		[parentIds],
	);
	return rows.map(recordOf);
}

const ACTIVATED = "status = 'pending' AND order_class = 'bracket' AND parent_id IS NOT NULL";

/** The symbols of brackets whose exits are on their way. */
export async function selectActivatedSymbols(db: Db): Promise<string[]> {
	const rows = await db.query<{ symbol: string }>(`SELECT DISTINCT symbol FROM orders WHERE ${ACTIVATED}`);
	return rows.map((row) => row.symbol);
}

/** The next brackets of a market whose exits are on their way, those that were placed first before others. */
export async function selectActivated(
	db: Db,
	symbol: string,
	after: string | undefined,
	limit: number,
): Promise<string[]> {
	const rows = await db.query<{ parent_id: string }>(
		`SELECT parent_id FROM orders WHERE ${ACTIVATED} AND symbol = $1 AND ($2::uuid IS NULL OR parent_id > $2)
		GROUP BY parent_id ORDER BY parent_id LIMIT $3`,
		[symbol, after ?? null, limit],
	);
	return rows.map((row) => row.parent_id);
}
