import type { Context } from "moleculer";
import type { Actor } from "../../contracts/events.ts";
import type { ExecutionReport, SubmitOrder } from "../../contracts/trading.ts";
import type { Origin } from "../../lib/caller.ts";
import { isTooEarly } from "../../lib/event-bus/consumer.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { call } from "../../lib/service.ts";
import type { OrderRecord } from "./domain/order.ts";
import { readLegs } from "./legs.store.ts";
import { openOrdersOf } from "./open-orders.store.ts";
import { measureStage } from "./order-metrics.ts";
import type { Cause } from "./orders.changes.ts";
import type { Orders } from "./orders.state.ts";
import { readOrder } from "./orders.store.ts";

/** Shorter than the gateway's own timeout, so that the client gets its 202 rather than nothing. */
const STEP_TIMEOUT_MS = 4_000;

type Caller = Pick<Context, "call">;

/**
 * Brings a pending order to an end: risk decides, trading executes, and the report is applied. Every step is idempotent
 * by the order's id, so it does not matter how often or from where an order is driven. Gives the order as it then
 * stands: still `pending` when a step could not be finished.
 */
export async function drive(
	orders: Orders,
	caller: Caller,
	order: OrderRecord,
	openOrders: number | null,
	actor: Actor | null,
): Promise<OrderRecord> {
	if (order.status !== "pending") return order;
	const underWay = orders.driving.get(order.order_id);
	if (underWay) return underWay;
	const driven = takeSteps(orders, caller, order, openOrders, actor)
		.catch((error) => {
			orders.logger.warn(`order ${order.order_id} stays pending`, { request_id: order.correlation_id }, error);
			return readOrThrow(orders, order.order_id);
		})
		.finally(() => orders.driving.delete(order.order_id));
	orders.driving.set(order.order_id, driven);
	return driven;
}

async function takeSteps(
	orders: Orders,
	caller: Caller,
	order: OrderRecord,
	counted: number | null,
	actor: Actor | null,
): Promise<OrderRecord> {
	const legs = order.order_class === "oco" ? await readLegs(orders.db, [order.order_id]) : [];
	const submission = submissionOf(order);
	const origin = { correlation_id: order.correlation_id, actor };
	const opts = { timeout: STEP_TIMEOUT_MS, requestID: origin.correlation_id };
	const counting = counted ?? (await openOrdersOf(orders.db, order.user_id));
	// The order whose place it takes is still among them.
	const openOrders = order.replaces === null ? counting : Math.max(1, counting - 1);
	const check = { order: { ...submission, ...dearest(legs) }, open_orders: openOrders };
	const decision = await measureStage(orders, "risk", call(caller, "risk.check", check, opts));
	failpoint("orders.after_risk");
	if (decision.code) {
		const rejection = { kind: "reject", orderId: order.order_id, code: decision.code, origin } as const;
		const rejected = await orders.writes.apply(rejection);
		return rejected ?? readOrThrow(orders, order.order_id);
	}
	if (legs.length > 0) {
		await submitLegs(orders, caller, legs, { origin });
		return readOrThrow(orders, order.order_id);
	}
	const report = await measureStage(orders, "trading", call(caller, "trading.submit", submission, opts));
	return measureStage(orders, "apply", settleReport(orders, caller, report, { origin }));
}

/** What an oco may trade for: at the limit of a sale or the stop of a buy. One decision is about all of it. */
function dearest(legs: readonly OrderRecord[]): Partial<SubmitOrder> {
	const leg = legs.find(({ side, order_type }) => (side === "sell") === (order_type === "limit"));
	return leg ? { price: leg.price, stop_price: leg.stop_price } : {};
}

/** Brings the legs of one order into its market, two of them together. Trading takes each once. */
export async function submitLegs(
	orders: Orders,
	caller: Caller,
	legs: readonly OrderRecord[],
	cause: Cause,
): Promise<void> {
	const opts = { timeout: STEP_TIMEOUT_MS, requestID: cause.origin.correlation_id };
	const [limit, stop] = legs.toSorted((a, b) => Number(b.order_type === "limit") - Number(a.order_type === "limit"));
	if (!limit) throw new Error("there is no leg");
	const reports = stop
		? await call(caller, "trading.submitPair", { limit: submissionOf(limit), stop: submissionOf(stop) }, opts)
		: [await call(caller, "trading.submit", submissionOf(limit), opts)];
	await Promise.all(reports.map((report) => settleReport(orders, caller, report, cause)));
}

/**
 * Ends an order in its market, and gives it as it then stands: in `status`, or as it had ended before. `causationId` is
 * the event that led to it, where one did.
 */
export async function endInMarket(
	orders: Orders,
	caller: Caller,
	order: OrderRecord,
	status: "canceled" | "expired",
	origin: Origin,
	causationId?: string,
): Promise<OrderRecord> {
	const closing = { order: submissionOf(order), status };
	const report = await call(caller, "trading.close", closing, { requestID: origin.correlation_id });
	return settleReport(orders, caller, report, { origin, ...(causationId && { causationId }) });
}

/**
 * Has an order that trading never had expire there, and applies what it answers: what has arrived, in the book or not,
 * stays as it is. Trading decides both at once, so that nothing comes in between.
 */
export async function expireIfNew(orders: Orders, caller: Caller, order: OrderRecord, cause: Cause): Promise<void> {
	const closing = { order: submissionOf(order), status: "expired", only_if_new: true } as const;
	const report = await call(caller, "trading.close", closing, { requestID: cause.origin.correlation_id });
	await settleReport(orders, caller, report, cause);
}

/** Asks trading what has become of an order, and applies it: nothing when the order never arrived there. */
export async function catchUp(
	orders: Orders,
	caller: Caller,
	order: OrderRecord,
	cause: Cause,
	timeoutMs = STEP_TIMEOUT_MS,
): Promise<void> {
	const request = { order_id: order.order_id, after_seq: order.report_seq };
	const report = await call(caller, "trading.report", request, { timeout: timeoutMs });
	if (report) await settleReport(orders, caller, report, cause);
}

/** Applies a report that trading has answered with; one that is ahead of the order is asked for with what it lacks. */
async function settleReport(
	orders: Orders,
	caller: Caller,
	report: ExecutionReport,
	cause: Cause,
): Promise<OrderRecord> {
	failpoint("orders.after_trading");
	const { order_id } = report;
	const change = { kind: "report", orderId: order_id, report, ...cause } as const;
	const applied = await orders.writes.apply(change).catch(async (error) => {
		if (!isTooEarly(error)) throw error;
		const { report_seq: after_seq } = await readOrThrow(orders, order_id);
		const request = { order_id, after_seq };
		const since = await call(caller, "trading.report", request, { timeout: STEP_TIMEOUT_MS });
		return since && orders.writes.apply({ ...change, report: since });
	});
	return applied ?? readOrThrow(orders, order_id);
}

/** The order as trading takes it. */
export function submissionOf(
	order: Omit<SubmitOrder, "quantity"> & { readonly ordered_quantity: string },
): SubmitOrder {
	return {
		order_id: order.order_id,
		user_id: order.user_id,
		symbol: order.symbol,
		side: order.side,
		order_type: order.order_type,
		time_in_force: order.time_in_force,
		quantity: order.ordered_quantity,
		notional: order.notional,
		price: order.price,
		stop_price: order.stop_price,
		trail_amount: order.trail_amount,
		trail_percent: order.trail_percent,
		expires_at: order.expires_at,
		post_only: order.post_only,
		reduce_only: order.reduce_only,
		display_quantity: order.display_quantity,
		self_trade_prevention: order.self_trade_prevention,
		replaces: order.replaces,
	};
}

/** The order of that id, which has been kept. */
export async function readOrThrow(orders: Orders, orderId: string): Promise<OrderRecord> {
	const order = await readOrder(orders.db, orderId);
	if (!order) throw new Error(`order ${orderId} is gone`);
	return order;
}
