import type { Order, OrderExecuted, OrderStatusUpdated, RejectCode } from "../../../contracts/orders.ts";
import type { ExecutionReport } from "../../../contracts/trading.ts";
import { divideDecimals, subtractDecimals } from "../../../lib/kernel/decimal.ts";
import { isTerminal, mayBecome } from "./order-state.ts";

/** Average prices are rounded half to even at this many digits after the point; all other amounts are exact. */
const AVERAGE_PRICE_SCALE = 10;

/** An event has a limit of its own. */
const MAX_FILLS_PER_EVENT = 500;

/** An order with what its owner does not see: how far its execution has been applied and how many events told of it. */
export interface OrderRecord extends Order {
	/** What was asked for; `quantity` may have become another. */
	readonly ordered_quantity: string;
	/** The key of the request that placed it. */
	readonly idempotency_key: string | null;
	readonly filled_notional: string;
	readonly report_seq: number;
	readonly event_seq: number;
	readonly correlation_id: string;
}

/** An event about the order, numbered after those before it. */
export type OrderEvent =
	| { readonly type: "orders.created"; readonly aggregate_seq: number; readonly data: Order }
	| { readonly type: "orders.status_updated"; readonly aggregate_seq: number; readonly data: OrderStatusUpdated }
	| { readonly type: "orders.executed"; readonly aggregate_seq: number; readonly data: OrderExecuted };

export type Applied =
	| { readonly ok: true; readonly order: OrderRecord; readonly events: readonly OrderEvent[] }
	| { readonly ok: false; readonly reason: "ALREADY_APPLIED" | "TOO_EARLY" | "ILLEGAL_TRANSITION" };

/** The order after an execution report: each one is applied once and in order. */
export function applyReport(order: OrderRecord, report: ExecutionReport): Applied {
	if (report.report_seq <= order.report_seq || neverArrived(order, report))
		return { ok: false, reason: "ALREADY_APPLIED" };
	if (report.previous_seq > order.report_seq) return { ok: false, reason: "TOO_EARLY" };
	if (report.status !== order.status && !mayBecome(order.status, report.status))
		return { ok: false, reason: "ILLEGAL_TRANSITION" };
	const filled = report.filled_quantity;
	// A report that was staged before there were other kinds of order says neither this nor what replaced it.
	const quantity = report.quantity ?? order.quantity;
	const next: OrderRecord = {
		...order,
		status: report.status,
		reject_code: report.reject_code,
		replaced_by: report.replaced_by ?? null,
		quantity,
		filled_quantity: filled,
		remaining_quantity: subtractDecimals(quantity, filled),
		filled_notional: report.filled_notional,
		average_price: averagePriceOf(report.filled_notional, filled),
		fee: report.fee,
		report_seq: report.report_seq,
		...changedAt(order, report.timestamp, isTerminal(report.status)),
	};
	const fills = report.fills.filter((fill) => fill.report_seq > order.report_seq);
	return withEvents(order, next, fills);
}

/** What a filled quantity was traded at; null when nothing was. */
export function averagePriceOf(notional: string, filled: string): string | null {
	return filled === "0" ? null : divideDecimals(notional, filled, AVERAGE_PRICE_SCALE);
}

/** Whether an order was denied while somebody ended it: its market, which never had it, keeps it as ended. */
function neverArrived(order: OrderRecord, { status, filled_quantity: filled }: ExecutionReport): boolean {
	const denied = order.status === "rejected" && order.report_seq === 0;
	return denied && (status === "canceled" || status === "expired") && filled === "0";
}

/** The order turned away before it reached a book. */
export function reject(order: OrderRecord, code: RejectCode, at: string): Applied {
	if (order.status === "rejected") return { ok: false, reason: "ALREADY_APPLIED" };
	return become(order, { status: "rejected", reject_code: code }, at);
}

/** The order in another status, or with other totals in the same one, without a report of its execution. */
export function become(
	order: OrderRecord,
	change: Pick<OrderRecord, "status"> & Partial<OrderRecord>,
	at: string,
): Applied {
	if (change.status !== order.status && !mayBecome(order.status, change.status))
		return { ok: false, reason: "ILLEGAL_TRANSITION" };
	const next = { ...order, ...change, ...changedAt(order, at, isTerminal(change.status)) };
	return withEvents(order, next, []);
}

/** The order as its owner sees it. */
export function shown(record: OrderRecord): Order {
	const {
		ordered_quantity: _ordered,
		idempotency_key: _key,
		filled_notional: _notional,
		report_seq: _report,
		event_seq: _event,
		correlation_id: _correlation,
		...order
	} = record;
	return order;
}

function changedAt(
	order: OrderRecord,
	at: string,
	terminal: boolean,
): Pick<Order, "version" | "updated_at" | "closed_at"> {
	return { version: order.version + 1, updated_at: at, closed_at: terminal ? at : null };
}

/** Tells of the fills first, then of the status that they led to. */
function withEvents(before: OrderRecord, after: OrderRecord, fills: ExecutionReport["fills"]): Applied {
	const { order_id, user_id, symbol, side, filled_quantity, remaining_quantity, average_price } = after;
	const events: OrderEvent[] = [];
	const nextSeq = () => before.event_seq + events.length + 1;
	for (let i = 0; i < fills.length && average_price !== null; i += MAX_FILLS_PER_EVENT) {
		const chunk = fills.slice(i, i + MAX_FILLS_PER_EVENT);
		const told = chunk.map(({ trade_id, price, quantity }) => ({ trade_id, price, quantity }));
		const totals = { filled_quantity, remaining_quantity, average_price };
		const data = { order_id, user_id, symbol, side, fills: told, ...totals };
		events.push({ type: "orders.executed", aggregate_seq: nextSeq(), data });
	}
	if (after.status !== before.status) {
		const data = { order_id, user_id, symbol, from: before.status, to: after.status, reject_code: after.reject_code };
		events.push({ type: "orders.status_updated", aggregate_seq: nextSeq(), data });
	}
	return { ok: true, order: { ...after, event_seq: before.event_seq + events.length }, events };
}
