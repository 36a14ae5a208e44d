import { addDecimals, subtractDecimals } from "../../../lib/kernel/decimal.ts";
import { type Applied, averagePriceOf, become, type OrderRecord, reject } from "./order.ts";
import { isTerminal, type Role, takes } from "./order-state.ts";

const NOTHING: Applied = { ok: false, reason: "ALREADY_APPLIED" };

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

/** What has ended of the family of a leg. */
interface Ends {
	readonly parent?: OrderRecord | undefined;
	readonly sibling?: OrderRecord | undefined;
}

/**
 * A leg that no market has told of, after the end of its parent or its sibling. Exits that wait end together, whatever
 * has become of their entry; else that makes them orders for what it has filled, or ends them. The legs of an oco are
 * turned away with it.
 */
export function afterEnds(leg: OrderRecord, { parent, sibling }: Ends, at: string): Applied {
	if (sibling?.status === "canceled" || sibling?.status === "expired") return endWaiting(leg, sibling.status, at);
	if (!parent) return NOTHING;
	if (roleOf(parent) === "oco") return parent.reject_code ? reject(leg, parent.reject_code, at) : NOTHING;
	if (!isWaiting(leg)) return NOTHING;
	const { filled_quantity: quantity } = parent;
	if (quantity === "0") return endWaiting(leg, "canceled", at);
	const sized = { quantity, ordered_quantity: quantity, remaining_quantity: quantity };
	return become(leg, { status: "pending", ...sized }, at);
}

/** An exit that waits, ended; one that has moved on is its market's to end. */
export function endWaiting(exit: OrderRecord, status: "canceled" | "expired", at: string): Applied {
	return isWaiting(exit) ? become(exit, { status }, at) : NOTHING;
}

/** An oco as its legs have it: what they have filled together, and their end once both have ended. */
export function afterLegs(oco: OrderRecord, legs: readonly OrderRecord[], at: string): Applied {
	const total = (field: "filled_quantity" | "filled_notional" | "fee") =>
		legs.reduce((sum, leg) => addDecimals(sum, leg[field]), "0");
	const [filled, notional] = [total("filled_quantity"), total("filled_notional")];
	const status = statusOf(oco, legs, filled);
	if (isTerminal(oco.status) || (status === oco.status && filled === oco.filled_quantity)) return NOTHING;
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
