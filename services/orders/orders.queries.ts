import type { Page, PageQuery } from "../../contracts/common.ts";
import type { OpenExposure, Order, OrderFilter, OrderStatus } from "../../contracts/orders.ts";
import type { Db } from "../../lib/db.ts";
import { normalize } from "../../lib/kernel/decimal.ts";
import { pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import { refuse, refuseNotFound } from "../../lib/refuse.ts";
import { hasLegs } from "./domain/family.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { readLegs } from "./legs.store.ts";
import { readOrder, readOrderByClientId, selectNewest } from "./orders.store.ts";

/** The user's order, with its legs. */
export async function getOrder(db: Db, userId: string, orderId: string): Promise<Order> {
	return withLegs(db, await readOwnOrder(db, userId, orderId));
}

/** The order as its owner sees it, with its legs where it has some. */
export async function withLegs(db: Db, order: OrderRecord): Promise<Order> {
	if (!hasLegs(order)) return shown(order);
	return { ...shown(order), legs: (await readLegs(db, [order.order_id])).map(shown) };
}

/** The user's order as it is kept. Refuses another user's as one that never was. */
export async function readOwnOrder(db: Db, userId: string, orderId: string): Promise<OrderRecord> {
	const order = await readOrder(db, orderId);
	if (order?.user_id !== userId) throw refuseNotFound("There is no such order", order?.order_id);
	return order;
}

/** The user's order under that client order id. */
export async function getOrderByClientId(db: Db, userId: string, clientOrderId: string): Promise<Order> {
	const order = await readOrderByClientId(db, userId, clientOrderId);
	if (!order) throw refuse("NOT_FOUND", "There is no such order");
	return withLegs(db, order);
}

/** The user's orders, newest first. */
export async function listOrders(
	db: Db,
	userId: string,
	query: PageQuery & { readonly status?: OrderStatus; readonly symbol?: string },
): Promise<Page<Order>> {
	const { limit, after } = positionOf(query, UUID_KEY);
	const { status, symbol } = query;
	const filter = { user_id: userId, ...(status && { status }), ...(symbol && { symbol }), before: after };
	const rows = await selectNewest(db, filter, limit + 1);
	return pageOf(rows, limit, (order) => order.order_id, shown);
}

/** The newest orders of all users that agree with a filter. */
export async function browseOrders(
	db: Db,
	{ limit, ...filter }: OrderFilter & { readonly limit: number },
): Promise<Order[]> {
	return (await selectNewest(db, filter, limit)).map(shown);
}

/**
 * What the user's open orders could still trade, by symbol. An oco does so by its legs, and of two of these by one: the
 * limit stands for both.
 */
export async function readOpenExposure(db: Db, userId: string): Promise<OpenExposure[]> {
	const rows = await db.query<OpenExposure>(
		`SELECT symbol, count(*)::integer AS open_orders,
			coalesce(sum(notional) FILTER (WHERE side = 'buy'), 0) AS open_buy_notional,
			coalesce(sum(notional) FILTER (WHERE side = 'sell'), 0) AS open_sell_notional
		FROM (
			SELECT symbol, side, CASE
				WHEN order_class = 'oco' AND parent_id IS NULL THEN 0
				WHEN order_type <> 'limit' AND bool_or(order_type = 'limit') OVER (PARTITION BY parent_id)
					AND parent_id IS NOT NULL THEN 0
				ELSE coalesce(price, stop_price) * (quantity - filled_quantity) END AS notional
			FROM orders WHERE user_id = $1 AND closed_at IS NULL) open
		GROUP BY symbol ORDER BY symbol`,
		[userId],
	);
	return rows.map((row) => ({
		...row,
		open_buy_notional: normalize(row.open_buy_notional),
		open_sell_notional: normalize(row.open_sell_notional),
	}));
}
