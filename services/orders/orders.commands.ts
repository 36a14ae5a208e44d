import type { Context } from "moleculer";
import type { Repeatable } from "../../contracts/common.ts";
import type { Instrument } from "../../contracts/data.ts";
import type { Meta } from "../../contracts/index.ts";
import type { CancelResult, DryRun, Order, OrderStatus, Placement, PlaceOrder, Side } from "../../contracts/orders.ts";
import { callerOf, isAdmin, originOf } from "../../lib/caller.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { newId } from "../../lib/id.ts";
import { isRefusal, refuse, refuseFields } from "../../lib/refuse.ts";
import { ABSENCE_PATIENCE_MS, onceServed } from "../../lib/served.ts";
import { call } from "../../lib/service.ts";
import { roleOf } from "./domain/family.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { isTerminal, takes } from "./domain/order-state.ts";
import { checkPlacement } from "./domain/placement.ts";
import { submitExits } from "./exit-sweeper.ts";
import { readLegs } from "./legs.store.ts";
import { openOrdersOf } from "./open-orders.store.ts";
import { measureStage } from "./order-metrics.ts";
import { drive, submissionOf } from "./orders.drive.ts";
import { endOrder } from "./orders.endings.ts";
import { keepFamily } from "./orders.families.ts";
import { readOwnOrder, withLegs } from "./orders.queries.ts";
import { assertRepeated, findRepeated } from "./orders.repeats.ts";
import type { Orders } from "./orders.state.ts";
import { readOrder, selectOpenOrders } from "./orders.store.ts";

/**
 * The most orders that one cancel-all ends, and how many of them at a time. What became of each fits into one message
 * of 1 MiB, however much `metadata` they have.
 */
const MAX_CANCEL_ALL = 400;
const CANCEL_AT_A_TIME = 32;

/**
 * Keeps an order and drives it through risk and trading. The same request under the same key or `client_order_id` gives
 * the same order. What cannot be brought to an end in time stays `pending`, and the sweeper goes on with it.
 */
export async function placeOrder(orders: Orders, ctx: Context<PlaceOrder & Repeatable, Meta>): Promise<Placement> {
	const user = callerOf(ctx);
	const { idempotency_key: idempotencyKey = null, ...request } = ctx.params;
	const instrument = await instrumentOf(orders, request.symbol);
	const checked = checkPlacement(request, instrument, new Date());
	if (!checked.ok) {
		const repeated = await findRepeated(orders, { userId: user.user_id, idempotencyKey, request, instrument });
		if (!repeated) throw refuseFields(checked.errors);
		return { order: await withLegs(orders.db, repeated), replayed: true };
	}
	const { terms, legs } = checked;
	await assertReachable(orders);
	await orders.capacity.assertRoom();
	const orderId = newId();
	const origin = originOf(ctx);
	const draft = {
		orderId,
		userId: user.user_id,
		idempotencyKey,
		terms,
		quantity: terms.quantity,
		replaces: null,
		feeAsset: instrument.quote_asset,
		origin,
	};
	const keeping = legs.length === 0 ? orders.writes.keep(draft) : keepFamily(orders, draft, legs);
	const kept = await measureStage(orders, "keep", keeping);
	if (kept.replayed) await assertRepeated(orders, kept.order, { ...checked, idempotencyKey });
	const order = await drive(orders, ctx, kept.order, kept.replayed ? null : kept.openOrders, origin.actor);
	if (roleOf(order) === "entry" && isTerminal(order.status))
		await submitExits(orders, ctx, await readLegs(orders.db, [order.order_id]));
	failpoint("orders.before_reply");
	return { order: await withLegs(orders.db, order), replayed: kept.replayed };
}

/** What would become of an order, of each leg of an oco by itself, or of the entry of a bracket; nothing is kept. */
export async function validateOrder(orders: Orders, ctx: Context<PlaceOrder, Meta>): Promise<DryRun> {
	const { user_id } = callerOf(ctx);
	const checked = checkPlacement(ctx.params, await instrumentOf(orders, ctx.params.symbol), new Date());
	if (!checked.ok) throw refuseFields(checked.errors);
	const { terms, legs } = checked;
	const proposed = (terms.order_class === "oco" ? legs : [terms]).map((one) =>
		submissionOf({ ...one, ordered_quantity: one.quantity, order_id: newId(), user_id, replaces: null }),
	);
	const openOrders = (await openOrdersOf(orders.db, user_id)) + 1 + legs.length;
	for (const order of proposed) {
		const decision = await call(ctx, "risk.check", { order, open_orders: openOrders, rehearsal: true });
		if (!decision.allowed) return decision;
	}
	for (const order of proposed) {
		const { code, required, available } = await call(ctx, "trading.rehearse", order);
		const short = code === "INSUFFICIENT_FUNDS";
		if (code) return { allowed: false, code, limit: short ? available : null, observed: short ? required : null };
	}
	return { allowed: true, code: null, limit: null, observed: null };
}

/** Cancels what is left of the caller's order. Refuses `ILLEGAL_TRANSITION` when it has ended another way. */
export async function cancelOrder(orders: Orders, ctx: Context<{ readonly order_id: string }, Meta>): Promise<Order> {
	const order = await readOwnOrder(orders.db, callerOf(ctx).user_id, ctx.params.order_id);
	return withLegs(orders.db, await end(orders, ctx, order, "canceled"));
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
	return withLegs(orders.db, await end(orders, ctx, order, status));
}

async function end(
	orders: Orders,
	ctx: Context<unknown, Meta>,
	order: OrderRecord,
	status: "canceled" | "expired",
): Promise<OrderRecord> {
	if (!takes(roleOf(order), order.status, status === "canceled" ? "cancel" : "expire"))
		throw refuse("ILLEGAL_TRANSITION", `The order is ${order.status}`);
	const ended = await endOrder(orders, ctx, order, status, originOf(ctx));
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

/** An order is not kept while the cluster is known to lack what would execute it: the client may well go elsewhere. */
async function assertReachable({ broker }: Orders): Promise<void> {
	const untilMs = performance.now() + ABSENCE_PATIENCE_MS;
	for (const action of ["risk.check", "trading.submit"]) {
		if (!(await onceServed(broker, action, untilMs)))
			throw refuse("SERVICE_UNAVAILABLE", "Orders cannot be executed now");
	}
}
