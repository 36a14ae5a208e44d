import type { Page, PageQuery } from "../../contracts/common.ts";
import type { Order, OrderStatus } from "../../contracts/orders.ts";
import type { Db } from "../../lib/db.ts";
import { pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import { refuse } from "../../lib/refuse.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { readOrder, readOrderByClientId, selectOrders } from "./orders.store.ts";

/** The user's order; another user's is as unknown as one that never was. */
export async function getOrder(db: Db, userId: string, orderId: string): Promise<Order> {
	return shownOrRefused(await readOrder(db, userId, orderId));
}

/** The user's order under that client order id. */
export async function getOrderByClientId(db: Db, userId: string, clientOrderId: string): Promise<Order> {
	return shownOrRefused(await readOrderByClientId(db, userId, clientOrderId));
}

/** The user's orders, newest first. */
export async function listOrders(
	db: Db,
	userId: string,
	query: PageQuery & { readonly status?: OrderStatus; readonly symbol?: string },
): Promise<Page<Order>> {
	const { limit, after } = positionOf(query, UUID_KEY);
	const { status = null, symbol = null } = query;
	const rows = await selectOrders(db, { userId, status, symbol, before: after, limit: limit + 1 });
	return pageOf(rows, limit, (order) => order.order_id, shown);
}

function shownOrRefused(order: OrderRecord | null): Order {
	if (!order) throw refuse("NOT_FOUND", "There is no such order");
	return shown(order);
}
