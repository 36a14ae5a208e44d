import type { OrderFilter, Side } from "../../contracts/orders.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { normalize, subtractDecimals } from "../../lib/kernel/decimal.ts";
import type { OrderRecord } from "./domain/order.ts";
import { isTerminal } from "./domain/order-state.ts";
import type { CheckedOrder } from "./domain/request.ts";

/** An order about to be kept. */
export interface Draft {
	readonly orderId: string;
	readonly userId: string;
	readonly idempotencyKey: string | null;
	readonly terms: CheckedOrder;
	/** Of an order that replaces another, without what that one has filled. */
	readonly quantity: string;
	readonly replaces: string | null;
	readonly feeAsset: string;
	readonly origin: Origin;
}

/** An order as its table has it. */
export interface OrderRow
	extends Omit<
		OrderRecord,
		"remaining_quantity" | "ordered_quantity" | "expires_at" | "created_at" | "updated_at" | "closed_at"
	> {
	/** Null on an order from before there was this column. */
	readonly ordered_quantity: string | null;
	readonly expires_at: Date | null;
	readonly created_at: Date;
	readonly updated_at: Date;
	readonly closed_at: Date | null;
}

/** An order from its row. */
export function recordOf(row: OrderRow): OrderRecord {
	return {
		order_id: row.order_id,
		user_id: row.user_id,
		order_class: row.order_class,
		parent_id: row.parent_id,
		client_order_id: row.client_order_id,
		idempotency_key: row.idempotency_key,
		symbol: row.symbol,
		side: row.side,
		order_type: row.order_type,
		time_in_force: row.time_in_force,
		quantity: normalize(row.quantity),
		ordered_quantity: normalize(row.ordered_quantity ?? row.quantity),
		notional: shortest(row.notional),
		price: shortest(row.price),
		stop_price: shortest(row.stop_price),
		trail_amount: shortest(row.trail_amount),
		trail_percent: shortest(row.trail_percent),
		expires_at: row.expires_at && row.expires_at.toISOString(),
		post_only: row.post_only,
		reduce_only: row.reduce_only,
		display_quantity: shortest(row.display_quantity),
		self_trade_prevention: row.self_trade_prevention,
		status: row.status,
		reject_code: row.reject_code,
		filled_quantity: normalize(row.filled_quantity),
		remaining_quantity: subtractDecimals(row.quantity, row.filled_quantity),
		filled_notional: normalize(row.filled_notional),
		average_price: shortest(row.average_price),
		fee: normalize(row.fee),
		fee_asset: row.fee_asset,
		metadata: row.metadata,
		replaces: row.replaces,
		replaced_by: row.replaced_by,
		version: row.version,
		event_seq: row.event_seq,
		report_seq: row.report_seq,
		correlation_id: row.correlation_id,
		created_at: row.created_at.toISOString(),
		updated_at: row.updated_at.toISOString(),
		closed_at: row.closed_at && row.closed_at.toISOString(),
	};
}

function shortest(decimal: string | null): string | null {
	return decimal === null ? null : normalize(decimal);
}

const DRAFTED = `order_id, user_id, client_order_id, symbol, side, order_type, time_in_force, quantity,
	ordered_quantity, notional, price, stop_price, trail_amount, trail_percent, post_only, reduce_only, display_quantity,
	self_trade_prevention, replaces, fee_asset, metadata, correlation_id, order_class,
	idempotency_key`;

/** When a `day` order ends: at midnight in UTC, by the database's clock. */
const END_OF_DAY = "(date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'";

/**
 * Keeps the drafts whose key and `client_order_id` their user has not used before; gives the rows that are new. Without
 * a key among them no other index than that of `client_order_id` is looked at before.
 */
export async function insertOrders(tx: Tx, drafts: readonly Draft[]): Promise<OrderRecord[]> {
	const column = <T>(pick: (draft: Draft) => T) => drafts.map(pick);
	const used = drafts.some((draft) => draft.idempotencyKey !== null) ? "" : "(user_id, client_order_id)";
	const rows = await tx.query<OrderRow>(
		`INSERT INTO orders (status, expires_at, ${DRAFTED})
		SELECT 'pending', coalesce(expires_at, CASE time_in_force WHEN 'day' THEN ${END_OF_DAY} END), ${DRAFTED}
		FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::numeric[], $14::numeric[], $15::numeric[],
			$16::boolean[], $17::boolean[], $18::numeric[], $19::text[], $20::uuid[], $21::text[], $22::jsonb[],
			$23::text[], $24::text[], $25::text[]) AS draft (expires_at, ${DRAFTED})
		ON CONFLICT ${used} DO NOTHING RETURNING *`,
		[
			column((draft) => draft.terms.expires_at),
			column((draft) => draft.orderId),
			column((draft) => draft.userId),
			column((draft) => draft.terms.client_order_id),
			column((draft) => draft.terms.symbol),
			column((draft) => draft.terms.side),
			column((draft) => draft.terms.order_type),
			column((draft) => draft.terms.time_in_force),
			column((draft) => draft.quantity),
			column((draft) => draft.terms.quantity),
			column((draft) => draft.terms.notional),
			column((draft) => draft.terms.price),
			column((draft) => draft.terms.stop_price),
			column((draft) => draft.terms.trail_amount),
			column((draft) => draft.terms.trail_percent),
			column((draft) => draft.terms.post_only),
			column((draft) => draft.terms.reduce_only),
			column((draft) => draft.terms.display_quantity),
			column((draft) => draft.terms.self_trade_prevention),
			column((draft) => draft.replaces),
			column((draft) => draft.feeAsset),
			column((draft) => JSON.stringify(draft.terms.metadata)),
			column((draft) => draft.origin.correlation_id),
			column((draft) => draft.terms.order_class),
			column((draft) => draft.idempotencyKey),
		],
	);
	return rows.map(recordOf);
}

/** What a placement is known by when it comes again. */
export type Claim = Pick<Draft, "userId" | "idempotencyKey"> & {
	readonly terms: Pick<CheckedOrder, "client_order_id">;
};

/** Finds what was placed before: the order under a claim's key, or else the one under its `client_order_id`. */
export async function findEarlier(
	on: Db | Tx,
	claims: readonly Claim[],
): Promise<(claim: Claim) => OrderRecord | undefined> {
	if (claims.length === 0) return () => undefined;
	const rows = await on.query<OrderRow>(
		`SELECT o.* FROM orders o JOIN unnest($1::uuid[], $2::text[]) AS k (user_id, client_order_id)
			USING (user_id, client_order_id)
		UNION ALL
		SELECT o.* FROM orders o JOIN unnest($1::uuid[], $3::text[]) AS k (user_id, idempotency_key)
			USING (user_id, idempotency_key)`,
		[
			claims.map((claim) => claim.userId),
			claims.map((claim) => claim.terms.client_order_id),
			claims.map((claim) => claim.idempotencyKey),
		],
	);
	const found = rows.map(recordOf);
	const named = (userId: string, name: string | null) => `${userId}/${name}`;
	const byKey = new Map(found.map((order) => [named(order.user_id, order.idempotency_key), order]));
	const byClientId = new Map(found.map((order) => [named(order.user_id, order.client_order_id), order]));
	return ({ userId, idempotencyKey, terms }) =>
		(idempotencyKey === null ? undefined : byKey.get(named(userId, idempotencyKey))) ??
		(terms.client_order_id === null ? undefined : byClientId.get(named(userId, terms.client_order_id)));
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
export function updateOrders(tx: Tx, orders: readonly OrderRecord[]): void {
	if (orders.length === 0) return;
	const column = <T>(pick: (order: OrderRecord) => T) => orders.map(pick);
	tx.execute(
		`UPDATE orders o SET status = n.status, reject_code = n.reject_code, replaced_by = n.replaced_by,
			quantity = n.quantity, filled_quantity = n.filled_quantity,
			filled_notional = n.filled_notional, average_price = n.average_price, fee = n.fee, version = n.version,
			event_seq = n.event_seq, report_seq = n.report_seq, updated_at = n.updated_at, closed_at = n.closed_at
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
			$8::integer[], $9::integer[], $10::integer[], $11::timestamptz[], $12::timestamptz[], $13::uuid[], $14::numeric[])
			AS n (order_id, status, reject_code, filled_quantity, filled_notional, average_price, fee, version, event_seq,
			report_seq, updated_at, closed_at, replaced_by, quantity)
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
			column((order) => order.replaced_by),
			column((order) => order.quantity),
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

/**
 * The newest orders that agree with `filter`, of those older than `before`. A condition stands there only where it is
 * asked for, since a plan is kept for all values. One on a status that is not working, or on a symbol, looks through
 * the orders of the user: an index for it would cost each order.
 */
export async function selectNewest(
	db: Db,
	filter: OrderFilter & { readonly before?: string | null },
	limit: number,
): Promise<OrderRecord[]> {
	const conditions = ["true"];
	const bind: (string | number)[] = [limit];
	for (const column of ["order_id", "user_id", "symbol", "status"] as const) {
		const value = filter[column];
		if (value !== undefined) conditions.push(`${column} = $${bind.push(value)}`);
	}
	// The planner does not know what follows from a status; there is an index of what is open.
	if (filter.status && !isTerminal(filter.status)) conditions.push("closed_at IS NULL");
	if (filter.before) conditions.push(`order_id < $${bind.push(filter.before)}`);
	const where = conditions.join(" AND ");
	const rows = await db.query<OrderRow>(`SELECT * FROM orders WHERE ${where} ORDER BY order_id DESC LIMIT $1`, bind);
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
