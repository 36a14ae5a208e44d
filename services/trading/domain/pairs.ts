import { addStop, type Book, findOrder, removeOrder } from "./book.ts";
import type { Execution } from "./execution.ts";
import { type ExecutionOrder, remainingLots } from "./order.ts";
import { report } from "./reports.ts";
import { excessHold, openHold, rehold } from "./settlement.ts";

/**
 * Two orders of which one cancels the other: a limit that rests and a stop that waits, for the same lots on the same
 * side. While both work they have as many lots left, and hold together what the dearer of them may cost; whatever ends
 * or triggers one of them ends the other in the same command.
 */

/** The other one of a pair while both work; undefined for an order that stands alone. */
export function twinOf(book: Book, order: ExecutionOrder): ExecutionOrder | undefined {
	return order.linkedTo === null ? undefined : findOrder(book, order.linkedTo);
}

/** Lets the stop of a pair wait, for as much as is left of the limit that has come to rest. */
export function joinTwin(execution: Execution, limit: ExecutionOrder, stop: ExecutionOrder): void {
	stop.quantityLots = remainingLots(limit);
	rehold(execution, stop, excessHold(execution.market, stop, limit));
	addStop(execution.book, stop);
	report(execution, stop, "held", []);
}

/** Ends a working order, and its twin in the same way: a replaced one has none. */
export function end(execution: Execution, order: ExecutionOrder, status: "canceled" | "expired" | "replaced"): void {
	leave(execution, order, status);
	const twin = twinOf(execution.book, order);
	if (twin) leave(execution, twin, status);
}

/** Ends the twin of an order that has been filled. */
export function endTwin(execution: Execution, order: ExecutionOrder): void {
	const twin = twinOf(execution.book, order);
	if (twin) leave(execution, twin, "canceled");
}

/** Takes off the stop what its limit has traded or lost, which is less than it had left. */
export function shrinkTwin(execution: Execution, limit: ExecutionOrder, lots: number): void {
	const stop = twinOf(execution.book, limit);
	if (!stop) return;
	stop.quantityLots -= lots;
	rehold(execution, stop, excessHold(execution.market, stop, limit));
	report(execution, stop, "held", []);
}

/** Ends the limit of a stop that has been triggered; what it held is the stop's now. */
export function giveUpTwin(execution: Execution, stop: ExecutionOrder): void {
	const limit = twinOf(execution.book, stop);
	if (!limit) return;
	leave(execution, limit, "canceled");
	rehold(execution, stop, openHold(execution.market, stop));
}

function leave(execution: Execution, order: ExecutionOrder, status: "canceled" | "expired" | "replaced"): void {
	removeOrder(execution.book, order.orderId);
	rehold(execution, order, 0n);
	report(execution, order, status, []);
}
