import type { OrderStatus, Side } from "../../contracts/orders.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { normalize, subtractDecimals } from "../../lib/kernel/decimal.ts";
import type { OrderRecord } from "./domain/order.ts";
import type { OrderTerms } from "./domain/request.ts";

/** An order about to be kept. */
export interface Draft {
	readonly orderId: string;
	readonly userId: string;
	readonly terms: OrderTerms;
	readonly feeAsset: string;
	readonly origin: Origin;
}

/** An order as its table has it. */
export interface OrderRow
	extends Omit<
		OrderRecord,
		"remaining_quantity" | "replaces" | "replaced_by" | "created_at" | "updated_at" | "closed_at"
	> {
	readonly created_at: Date;
	readonly updated_at: Date;
	readonly closed_at: Date | null;
}

/** An order from its row. */
export function recordOf(row: OrderRow): OrderRecord {
	return {
		order_id: row.order_id,
		user_id: row.user_id,
		client_order_id: row.client_order_id,
		symbol: row.symbol,
		side: row.side,
		order_type: row.order_type,
		time_in_force: row.time_in_force,
		quantity: normalize(row.quantity),
		price: row.price && normalize(row.price),
		status: row.status,
		reject_code: row.reject_code,
		filled_quantity: normalize(row.filled_quantity),
		remaining_quantity: subtractDecimals(row.quantity, row.filled_quantity),
		filled_notional: normalize(row.filled_notional),
		average_price: row.average_price && normalize(row.average_price),
		fee: normalize(row.fee),
		fee_asset: row.fee_asset,
		metadata: row.metadata,
		replaces: null,
		replaced_by: null,
		version: row.version,
		event_seq: row.event_seq,
		report_seq: row.report_seq,
		correlation_id: row.correlation_id,
		created_at: row.created_at.toISOString(),
		updated_at: row.updated_at.toISOString(),
		closed_at: row.closed_at && row.closed_at.toISOString(),
	};
}

/** Keeps the drafts whose `client_order_id` their user has not used before; gives the rows that are new. */
export async function insertOrders(tx: Tx, drafts: readonly Draft[]): Promise<OrderRecord[]> {
	const column = <T>(pick: (draft: Draft) => T) => drafts.map(pick);
	const rows = await tx.query<OrderRow>(
		`INSERT INTO orders (status, order_id, user_id, client_order_id, symbol, side, order_type, time_in_force, quantity,
			price, fee_asset, metadata, correlation_id)
		SELECT 'pending', * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::numeric[], $9::numeric[], $10::text[], $11::jsonb[], $12::text[])
		ON CONFLICT (user_id, client_order_id) DO NOTHING RETURNING *`,
		[
			column((draft) => draft.orderId),
			column((draft) => draft.userId),
			column((draft) => draft.terms.client_order_id),
			column((draft) => draft.terms.symbol),
			column((draft) => draft.terms.side),
			column((draft) => draft.terms.order_type),
			column((draft) => draft.terms.time_in_force),
			column((draft) => draft.terms.quantity),
			column((draft) => draft.terms.price),
			column((draft) => draft.feeAsset),
			column((draft) => JSON.stringify(draft.terms.metadata)),
			column((draft) => draft.origin.correlation_id),
		],
	);
	return rows.map(recordOf);
}

/** The orders that these users have placed under these client order ids, pair by pair. */
export async function readByClientIds(
	tx: Tx,
	keys: readonly { userId: string; clientOrderId: string }[],
): Promise<OrderRecord[]> {
	const rows = await tx.query<OrderRow>(
		`SELECT o.* FROM orders o JOIN unnest($1::uuid[], $2::text[]) AS k (user_id, client_order_id)
		USING (user_id, client_order_id)`,
		[keys.map((key) => key.userId), keys.map((key) => key.clientOrderId)],
	);
	return rows.map(recordOf);
}

/** Counts newly opened orders per user, users in the order of their ids; gives the new counts. */
export async function countOpened(tx: Tx, opened: ReadonlyMap<string, number>): Promise<Map<string, number>> {
	if (opened.size === 0) return new Map();
	const users = [...opened.keys()].toSorted();
	const rows = await tx.query<{ user_id: string; count: number }>(
		`INSERT INTO open_orders (user_id, count) SELECT * FROM unnest($1::uuid[], $2::integer[])
		ON CONFLICT (user_id) DO UPDATE SET count = open_orders.count + excluded.count RETURNING user_id, count`,
		[users, users.map((user) => opened.get(user) as number)],
	);
	return new Map(rows.map((row) => [row.user_id, row.count]));
}

/** Counts closed orders per user, in the same order: two transactions that share users never wait for each other. */
export async function countClosed(tx: Tx, closed: ReadonlyMap<string, number>): Promise<void> {
	if (closed.size === 0) return;
	await tx.query(
		`WITH locked AS (SELECT user_id FROM open_orders WHERE user_id = ANY($1::uuid[]) ORDER BY user_id FOR NO KEY UPDATE)
		UPDATE open_orders o SET count = o.count - c.closed
		FROM unnest($1::uuid[], $2::integer[]) AS c (user_id, closed) JOIN locked USING (user_id)
		WHERE o.user_id = c.user_id`,
		[[...closed.keys()], [...closed.values()]],
	);
}

/** Locks, in the order of their ids, the orders that have not come to the report given with them; gives the time. */
export async function lockBehind(
	tx: Tx,
	reports: ReadonlyMap<string, number>,
): Promise<{ orders: Map<string, OrderRecord>; now: string }> {
	const rows = await tx.query<OrderRow & { now: Date }>(
		`SELECT o.*, now() FROM orders o JOIN unnest($1::uuid[], $2::integer[]) AS r (order_id, report_seq) USING (order_id)
		WHERE o.report_seq < r.report_seq ORDER BY o.order_id FOR NO KEY UPDATE OF o`,
		[[...reports.keys()], [...reports.values()]],
	);
	return {
		orders: new Map(rows.map((row) => [row.order_id, recordOf(row)])),
		now: (rows[0]?.now ?? new Date()).toISOString(),
	};
}

/** Writes what executions change of orders. */
export async function updateOrders(tx: Tx, orders: readonly OrderRecord[]): Promise<void> {
	if (orders.length === 0) return;
	const column = <T>(pick: (order: OrderRecord) => T) => orders.map(pick);
	await tx.query(
		`UPDATE orders o SET status = n.status, reject_code = n.reject_code, filled_quantity = n.filled_quantity,
			filled_notional = n.filled_notional, average_price = n.average_price, fee = n.fee, version = n.version,
			event_seq = n.event_seq, report_seq = n.report_seq, updated_at = n.updated_at, closed_at = n.closed_at
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
			$8::integer[], $9::integer[], $10::integer[], $11::timestamptz[], $12::timestamptz[])
			AS n (order_id, status, reject_code, filled_quantity, filled_notional, average_price, fee, version, event_seq,
			report_seq, updated_at, closed_at)
		WHERE o.order_id = n.order_id`,
		[
			column((order) => order.order_id),
			column((order) => order.status),
			column((order) => order.reject_code),
			column((order) => order.filled_quantity),
			column((order) => order.filled_notional),
			column((order) => order.average_price),
			column((order) => order.fee),
			column((order) => order.version),
			column((order) => order.event_seq),
			column((order) => order.report_seq),
			column((order) => order.updated_at),
			column((order) => order.closed_at),
		],
	);
}

/** The order of that id, whosever it is, or null. */
export async function readOrder(db: Db, orderId: string): Promise<OrderRecord | null> {
	const [row] = await db.query<OrderRow>("SELECT * FROM orders WHERE order_id = $1", [orderId]);
	return row ? recordOf(row) : null;
}

/** The user's order under that client order id, or null. */
export async function readOrderByClientId(db: Db, userId: string, clientOrderId: string): Promise<OrderRecord | null> {
	const [row] = await db.query<OrderRow>("SELECT * FROM orders WHERE user_id = $1 AND client_order_id = $2", [
		userId,
		clientOrderId,
	]);
	return row ? recordOf(row) : null;
}

interface Filter {
	readonly userId: string;
	readonly status: OrderStatus | null;
	readonly symbol: string | null;
	readonly before: string | null;
	readonly limit: number;
}

/** A user's orders, newest first. */
export async function selectOrders(db: Db, filter: Filter): Promise<OrderRecord[]> {
	const rows = await db.query<OrderRow>(
		`SELECT * FROM orders WHERE user_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR symbol = $3)
			AND ($4::uuid IS NULL OR order_id < $4) ORDER BY order_id DESC LIMIT $5`,
		[filter.userId, filter.status, filter.symbol, filter.before, filter.limit],
	);
	return rows.map(recordOf);
}

/** A user's open orders, oldest first. */
export async function selectOpenOrders(
	db: Db,
	filter: {
		readonly userId: string;
		readonly symbol: string | null;
		readonly side: Side | null;
		readonly limit: number;
	},
): Promise<OrderRecord[]> {
	const rows = await db.query<OrderRow>(
		`SELECT * FROM orders WHERE user_id = $1 AND closed_at IS NULL AND ($2::text IS NULL OR symbol = $2)
			AND ($3::text IS NULL OR side = $3) ORDER BY order_id LIMIT $4`,
		[filter.userId, filter.symbol, filter.side, filter.limit],
	);
	return rows.map(recordOf);
}

/** An order that nobody drives any more; `timedOut` when it is to be expired. */
export interface StalePending {
	readonly order: OrderRecord;
	readonly timedOut: boolean;
}

/** Orders that have been pending for longer than `ageS` seconds, oldest first, and whether they are past `timeoutS`. */
export async function selectStalePending(
	db: Db,
	ageS: number,
	timeoutS: number,
	limit: number,
): Promise<StalePending[]> {
	const rows = await db.query<OrderRow & { timed_out: boolean }>(
		`SELECT *, created_at < clock_timestamp() - make_interval(secs => $2) AS timed_out FROM orders
		WHERE status = 'pending' AND created_at < clock_timestamp() - make_interval(secs => $1)
		ORDER BY created_at LIMIT $3`,
		[ageS, timeoutS, limit],
	);
	return rows.map((row) => ({ order: recordOf(row), timedOut: row.timed_out }));
}

/** How many orders a user has open. */
export async function openOrdersOf(db: Db, userId: string): Promise<number> {
	const [row] = await db.query<{ count: number }>("SELECT count FROM open_orders WHERE user_id = $1", [userId]);
	return row?.count ?? 0;
}

/** How many orders all users have open. */
export async function openOrdersOfAll(db: Db): Promise<number> {
	const [row] = await db.query<{ count: string }>("SELECT coalesce(sum(count), 0) AS count FROM open_orders");
	return Number(row?.count ?? 0);
}
