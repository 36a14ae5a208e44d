import type { Context } from "moleculer";
import type { Origin } from "../../lib/caller.ts";
import { isWaiting, roleOf } from "./domain/family.ts";
import type { OrderRecord } from "./domain/order.ts";
import { isTerminal } from "./domain/order-state.ts";
import { readLegs } from "./legs.store.ts";
import { endInMarket, readOrThrow } from "./orders.drive.ts";
import type { Orders } from "./orders.state.ts";

type Ended = "canceled" | "expired";

/**
 * Ends an order and what ends with it, and gives it as it then stands: in `status`, or as it had ended before. With an
 * oco or one of its legs both legs end; with an exit, both exits and never the entry. `causationId` is the event that
 * led to it, where one did.
 */
export async function endOrder(
	orders: Orders,
	caller: Pick<Context, "call">,
	order: OrderRecord,
	status: Ended,
	origin: Origin,
	causationId?: string,
): Promise<OrderRecord> {
	const role = roleOf(order);
	if (role === "single" || role === "entry") return endInMarket(orders, caller, order, status, origin, causationId);
	const legs = await readLegs(orders.db, [order.parent_id ?? order.order_id]);
	const left = (await endWaitingLegs(orders, legs, status, origin, causationId)).filter(
		(leg) => !isTerminal(leg.status),
	);
	await Promise.all(left.map((leg) => endInMarket(orders, caller, leg, status, origin, causationId)));
	return readOrThrow(orders, order.order_id);
}

/** Exits that wait end here: asked of the first one, so that two who ask lock them in one order. */
async function endWaitingLegs(
	orders: Orders,
	legs: readonly OrderRecord[],
	status: Ended,
	origin: Origin,
	causationId?: string,
): Promise<readonly OrderRecord[]> {
	const first = legs.find(isWaiting);
	if (!first) return legs;
	const cause = { origin, ...(causationId && { causationId }) };
	await orders.writes.apply({ kind: "end", orderId: first.order_id, status, ...cause });
	return Promise.all(legs.map((leg) => readOrThrow(orders, leg.order_id)));
}
