import { addDecimals, subtractDecimals } from "../../../lib/kernel/decimal.ts";
import { type Applied, averagePriceOf, become, type OrderRecord } from "./order.ts";
import { isTerminal, type Role, takes } from "./order-state.ts";

/** What an order is to those that belong with it. */
export function roleOf({ order_class, parent_id }: Pick<OrderRecord, "order_class" | "parent_id">): Role {
	if (order_class === "simple") return "single";
	if (order_class === "oco") return parent_id === null ? "oco" : "oco_leg";
	return parent_id === null ? "entry" : "exit";
}

/** Whether an order is the parent of others. */
export function hasLegs({ order_class, parent_id }: Pick<OrderRecord, "order_class" | "parent_id">): boolean {
	return order_class !== "simple" && parent_id === null;
}

/** Whether an exit waits for its entry: no market has it yet, so that it changes and ends here alone. */
export function isWaiting(order: OrderRecord): boolean {
	return order.report_seq === 0 && takes(roleOf(order), order.status, "activate");
}

/** An exit that waits, once its entry has ended: an order for what that has filled, or nothing. */
export function afterEntry(exit: OrderRecord, { filled_quantity: quantity }: OrderRecord, at: string): Applied {
	if (quantity === "0") return endWaiting(exit, "canceled", at);
	const sized = { quantity, ordered_quantity: quantity, remaining_quantity: quantity };
	return become(exit, { status: "pending", ...sized }, at);
}

/** An exit that waits, ended; one that has moved on is its market's to end. */
export function endWaiting(exit: OrderRecord, status: "canceled" | "expired", at: string): Applied {
	return isWaiting(exit) ? become(exit, { status }, at) : { ok: false, reason: "ALREADY_APPLIED" };
}

/** An oco as its legs have it: what they have filled together, and their end once both have ended. */
export function afterLegs(oco: OrderRecord, legs: readonly OrderRecord[], at: string): Applied {
	const total = (field: "filled_quantity" | "filled_notional" | "fee") =>
		legs.reduce((sum, leg) => addDecimals(sum, leg[field]), "0");
	const [filled, notional] = [total("filled_quantity"), total("filled_notional")];
	const status = statusOf(oco, legs, filled);
	if (isTerminal(oco.status) || (status === oco.status && filled === oco.filled_quantity))
		return { ok: false, reason: "ALREADY_APPLIED" };
	// Self-trade prevention may have left them less to fill than was asked for.
	const quantity = status === "filled" ? filled : oco.quantity;
	return become(
		oco,
		{
			status,
			reject_code: status === "rejected" ? (legs.find((leg) => leg.reject_code)?.reject_code ?? null) : null,
			quantity,
			filled_quantity: filled,
			remaining_quantity: subtractDecimals(quantity, filled),
			filled_notional: notional,
			average_price: averagePriceOf(notional, filled),
			fee: total("fee"),
		},
		at,
	);
}

function statusOf(oco: OrderRecord, legs: readonly OrderRecord[], filled: string): OrderRecord["status"] {
	const has = (...statuses: OrderRecord["status"][]) => legs.some((leg) => statuses.includes(leg.status));
	if (!legs.every((leg) => isTerminal(leg.status))) {
		if (filled !== "0") return "partially_filled";
		return has("held", "open") ? "open" : oco.status;
	}
	if (has("filled")) return "filled";
	if (oco.status === "pending" && filled === "0" && has("rejected")) return "rejected";
	return has("expired", "rejected") ? "expired" : "canceled";
}
