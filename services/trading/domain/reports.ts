import type { ExecutedTrade, Execution } from "./execution.ts";
import type { ExecutionOrder, ExecutionStatus, RejectReason } from "./order.ts";
import { rehold } from "./settlement.ts";

/** Tells of `order` as a command leaves it: in `status`, after its `trades`. */
export function report(
	execution: Execution,
	order: ExecutionOrder,
	status: ExecutionStatus,
	trades: readonly ExecutedTrade[],
): void {
	order.status = status;
	order.reportSeq += 1;
	execution.changed.set(order.orderId, order);
	execution.reports.push({ order: { ...order, level: null, previous: null, next: null }, trades });
}

/** Turns an order away; it holds nothing. */
export function reject(execution: Execution, order: ExecutionOrder, reason: RejectReason): void {
	order.rejectReason = reason;
	rehold(execution, order, 0n);
	report(execution, order, "rejected", []);
}
