import type { Context } from "moleculer";
import type { Instrument } from "../../contracts/data.ts";
import type { Meta } from "../../contracts/index.ts";
import type { CancelResult, DryRun, Order, OrderStatus, Placement, PlaceOrder, Side } from "../../contracts/orders.ts";
import { callerOf, isAdmin, originOf } from "../../lib/caller.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { newId } from "../../lib/id.ts";
import { isRefusal, refuse, refuseFields } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { takes } from "./domain/order-state.ts";
import { type CheckedOrder, checkRequest } from "./domain/request.ts";
import { openOrdersOf } from "./open-orders.store.ts";
import { drive, endInMarket, submissionOf } from "./orders.drive.ts";
import { readOwnOrder } from "./orders.queries.ts";
import type { Orders } from "./orders.state.ts";
import { readOrder, readOrderByClientId, selectOpenOrders } from "./orders.store.ts";

/** The most orders that one cancel-all ends, and how many of them at a time. */
const MAX_CANCEL_ALL = 1_000;
const CANCEL_AT_A_TIME = 32;

/**
 * Keeps an order and drives it through risk and trading. The same request under the same `client_order_id` gives the
 * same order. What cannot be brought to an end in time stays `pending`, and the sweeper goes on with it.
 */
export async function placeOrder(orders: Orders, ctx: Context<PlaceOrder, Meta>): Promise<Placement> {
	const user = callerOf(ctx);
	const instrument = await instrumentOf(orders, ctx.params.symbol);
	const checked = checkRequest(ctx.params, instrument, new Date());
	if (!checked.ok) {
		const repeated = await findRepeated(orders, user.user_id, ctx.params, instrument);
		if (!repeated) throw refuseFields(checked.errors);
		return { order: shown(repeated), replayed: true };
	}
	const { terms } = checked;
	assertReachable(orders);
	await orders.capacity.assertRoom();
	const orderId = newId();
	const origin = originOf(ctx);
	const kept = await orders.writes.keep.add({
		orderId,
		userId: user.user_id,
		terms,
		quantity: terms.quantity,
		replaces: null,
		feeAsset: instrument.quote_asset,
		origin,
	});
	if (kept.replayed && !isRequestOf(kept.order, terms)) throw refuse("CLIENT_ORDER_ID_REUSED");
	const order = await drive(orders, ctx, kept.order, kept.replayed ? null : kept.openOrders, origin.actor);
	failpoint("orders.before_reply");
	return { order: shown(order), replayed: kept.replayed };
}

/** The order that a request made which is wrong by now for its `expires_at` alone: that was in the future once. */
async function findRepeated(
	orders: Orders,
	userId: string,
	request: PlaceOrder,
	instrument: Instrument,
): Promise<OrderRecord | null> {
	const checked = checkRequest(request, instrument, new Date(0));
	if (!checked.ok || checked.terms.client_order_id === null) return null;
	const order = await readOrderByClientId(orders.db, userId, checked.terms.client_order_id);
	if (order && !isRequestOf(order, checked.terms)) throw refuse("CLIENT_ORDER_ID_REUSED");
	return order;
}

/** What would become of an order; nothing is kept. */
export async function validateOrder(orders: Orders, ctx: Context<PlaceOrder, Meta>): Promise<DryRun> {
	const { user_id } = callerOf(ctx);
	const terms = termsOf(ctx.params, await instrumentOf(orders, ctx.params.symbol));
	const order = submissionOf({
		...terms,
		ordered_quantity: terms.quantity,
		order_id: newId(),
		user_id,
		replaces: null,
	});
	const openOrders = (await openOrdersOf(orders.db, user_id)) + 1;
	const decision = await call(ctx, "risk.check", { order, open_orders: openOrders, rehearsal: true });
	if (!decision.allowed) return decision;
	const { code, required, available } = await call(ctx, "trading.rehearse", order);
	if (!code) return { allowed: true, code: null, limit: null, observed: null };
	const short = code === "INSUFFICIENT_FUNDS";
	return { allowed: false, code, limit: short ? available : null, observed: short ? required : null };
}

/** Cancels what is left of the caller's order. Refuses `ILLEGAL_TRANSITION` when it has ended another way. */
export async function cancelOrder(orders: Orders, ctx: Context<{ readonly order_id: string }, Meta>): Promise<Order> {
	const order = await readOwnOrder(orders.db, callerOf(ctx).user_id, ctx.params.order_id);
	return shown(await end(orders, ctx, order, "canceled"));
}

/** Cancels the caller's open orders, of one symbol or side when asked, each by itself. */
export async function cancelAll(
	orders: Orders,
	ctx: Context<{ readonly symbol?: string; readonly side?: Side }, Meta>,
): Promise<CancelResult[]> {
	const { symbol = null, side = null } = ctx.params;
	const open = await selectOpenOrders(orders.db, {
		userId: callerOf(ctx).user_id,
		symbol,
		side,
		limit: MAX_CANCEL_ALL,
	});
	const results: CancelResult[] = [];
	for (let i = 0; i < open.length; i += CANCEL_AT_A_TIME) {
		results.push(
			...(await Promise.all(open.slice(i, i + CANCEL_AT_A_TIME).map((order) => cancelOne(orders, ctx, order)))),
		);
	}
	return results;
}

async function cancelOne(orders: Orders, ctx: Context<unknown, Meta>, order: OrderRecord): Promise<CancelResult> {
	try {
		return { order_id: order.order_id, order: shown(await end(orders, ctx, order, "canceled")), code: null };
	} catch (error) {
		const codes = ["ILLEGAL_TRANSITION", "MARKET_NOT_OPEN"] as const;
		const code = codes.find((known) => isRefusal(error, known)) ?? "OUTCOME_UNKNOWN";
		return { order_id: order.order_id, order: null, code };
	}
}

/** The seed's way to end an order: its owner may only cancel it, an admin may also let anybody's expire. */
export async function setStatus(
	orders: Orders,
	ctx: Context<{ readonly order_id: string; readonly status: OrderStatus }, Meta>,
): Promise<Order> {
	const user = callerOf(ctx);
	const { order_id: orderId, status } = ctx.params;
	const order = isAdmin(user)
		? await readOrder(orders.db, orderId)
		: await readOwnOrder(orders.db, user.user_id, orderId);
	if (!order) throw refuse("NOT_FOUND", "There is no such order");
	if (status !== "canceled" && !isAdmin(user)) throw refuse("FORBIDDEN", "The owner of an order may only cancel it");
	// Every other status tells of an execution, which only the market can bring about.
	if (status !== "canceled" && status !== "expired")
		throw refuse("ILLEGAL_TRANSITION", `An order cannot be set to ${status}`);
	return shown(await end(orders, ctx, order, status));
}

async function end(
	orders: Orders,
	ctx: Context<unknown, Meta>,
	order: OrderRecord,
	status: "canceled" | "expired",
): Promise<OrderRecord> {
	if (!takes(order.status, status === "canceled" ? "cancel" : "expire"))
		throw refuse("ILLEGAL_TRANSITION", `The order is ${order.status}`);
	const ended = await endInMarket(orders, ctx, order, status, originOf(ctx));
	failpoint("orders.before_reply");
	if (ended.status !== status) throw refuse("ILLEGAL_TRANSITION", `The order is ${ended.status}`);
	return ended;
}

async function instrumentOf(orders: Orders, symbol: string): Promise<Instrument> {
	try {
		return await orders.instruments.get(symbol);
	} catch (error) {
		if (!isRefusal(error, "NOT_FOUND")) throw error;
		throw refuseFields([{ pointer: "/symbol", code: "UNKNOWN_SYMBOL", message: "There is no such instrument" }]);
	}
}

function termsOf(request: PlaceOrder, instrument: Instrument): CheckedOrder {
	const checked = checkRequest(request, instrument, new Date());
	if (!checked.ok) throw refuseFields(checked.errors);
	return checked.terms;
}

/** An order is not kept while the cluster is known to lack what would execute it: the client may well go elsewhere. */
function assertReachable({ broker }: Orders): void {
	for (const action of ["risk.check", "trading.submit"]) {
		if (!broker.registry.getActionEndpoints(action)?.hasAvailable())
			throw refuse("SERVICE_UNAVAILABLE", "Orders cannot be executed now");
	}
}

function isRequestOf(order: OrderRecord, terms: CheckedOrder): boolean {
	return fingerprintOf({ ...order, quantity: order.ordered_quantity }) === fingerprintOf(terms);
}

/** What makes two requests the same: all that the client has said, key order aside. */
function fingerprintOf(terms: CheckedOrder): string {
	const metadata = Object.entries(terms.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
	return JSON.stringify([
		terms.symbol,
		terms.side,
		terms.order_type,
		terms.time_in_force,
		terms.quantity,
		terms.notional,
		terms.price,
		terms.stop_price,
		terms.trail_amount,
		terms.trail_percent,
		// Of a `day` order it is the database's.
		terms.time_in_force === "gtd" ? terms.expires_at : null,
		terms.post_only,
		terms.reduce_only,
		terms.display_quantity,
		terms.self_trade_prevention,
		metadata,
	]);
}
