import type { OrderRecord } from "./domain/order.ts";
import { drive } from "./orders.drive.ts";
import { endOrder } from "./orders.endings.ts";
import type { Orders } from "./orders.state.ts";
import { selectOverdue, selectStalePending } from "./orders.store.ts";
import { type Rounds, startRounds } from "./rounds.ts";

const SWEEP_EVERY_MS = 1_000;
/** Younger orders are still being driven by the request that placed them. */
const STALE_AFTER_S = 5;
const MAX_SWEPT = 100;

/**
 * Drives on what has been left pending, by a crash, a timeout or a service that was away, and ends `day` and `gtd`
 * orders whose time is over.
 */
export function startSweeper(orders: Orders): Rounds {
	return startRounds({
		everyMs: SWEEP_EVERY_MS,
		round: () => sweep(orders),
		onError: (error) => orders.logger.warn("orders could not be swept", error),
	});
}

async function sweep(orders: Orders): Promise<void> {
	const timeoutS = await orders.setting("trading.order_timeout_s");
	const [stale, overdue] = await Promise.all([
		selectStalePending(orders.db, STALE_AFTER_S, timeoutS, MAX_SWEPT),
		selectOverdue(orders.db, MAX_SWEPT),
	]);
	await Promise.all([
		...stale.map(({ order, timedOut }) =>
			timedOut ? expire(orders, order) : drive(orders, orders.broker, order, null, null),
		),
		...overdue.map((order) => expire(orders, order)),
	]);
}

/** The order is closed in trading, which answers with what it is if it has ended there, or arrived after all. */
async function expire(orders: Orders, order: OrderRecord): Promise<void> {
	try {
		await endOrder(orders, orders.broker, order, "expired", { correlation_id: order.correlation_id, actor: null });
	} catch (error) {
		orders.logger.warn(`order ${order.order_id} could not be expired`, error);
	}
}
