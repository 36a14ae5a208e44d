import { newId } from "../../lib/id.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { shown } from "./domain/order.ts";
import type { CheckedOrder } from "./domain/request.ts";
import { insertLegs } from "./legs.store.ts";
import { countOpen, lockOpening } from "./open-orders.store.ts";
import { toldOf } from "./orders.changes.ts";
import { type Draft, findEarlier, insertOrders } from "./orders.store.ts";
import type { Kept } from "./orders.writes.ts";

/**
 * Keeps an oco as `pending` with its legs, or a bracket with its exits that wait: all once per key and per
 * `client_order_id`.
 */
export function keepFamily(orders: Database & Outbox, draft: Draft, legs: readonly CheckedOrder[]): Promise<Kept> {
	return orders.db.transaction(async (tx) => {
		lockOpening(tx, [draft.userId]);
		const [parent] = await insertOrders(tx, [draft]);
		if (!parent) {
			const earlier = (await findEarlier(tx, [draft]))(draft);
			if (!earlier) throw new Error(`order ${draft.orderId} was neither kept nor found`);
			return { replayed: true, order: earlier };
		}
		const kept = await insertLegs(
			tx,
			parent.order_id,
			legs.map((terms) => ({ orderId: newId(), terms })),
		);
		const family = [parent, ...kept];
		const told = family.map((order) =>
			toldOf(order.order_id, { type: "orders.created", aggregate_seq: 1, data: shown(order) }, draft),
		);
		orders.stage(tx, told);
		const counts = await countOpen(tx, [draft.userId]);
		return { replayed: false, order: parent, openOrders: counts.get(draft.userId) as number };
	});
}
