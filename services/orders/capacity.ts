import { refuse } from "../../lib/refuse.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { openOrdersOfAll } from "./open-orders.store.ts";

/** The count is of all users: it protects the machine, not anybody's limit, so it may be this old. */
const COUNTED_EVERY_MS = 1_000;

/** Whether the cluster takes any more orders. */
export interface Capacity {
	/** Refuses `CAPACITY_EXCEEDED` when as many orders are open as `orders.max_open_orders` allows. */
	assertRoom(): Promise<void>;
}

/** The capacity that the setting `orders.max_open_orders` gives. */
export function capacityOf(orders: Database & Settings): Capacity {
	let countedAt = 0;
	let counted: Promise<number> = Promise.resolve(0);
	return {
		async assertRoom() {
			const most = await orders.setting("orders.max_open_orders");
			if (performance.now() - countedAt > COUNTED_EVERY_MS || countedAt === 0) {
				countedAt = performance.now();
				counted = openOrdersOfAll(orders.db, most);
			}
			if ((await counted) >= most) throw refuse("CAPACITY_EXCEEDED");
		},
	};
}
