import { startLanes } from "./lanes.ts";
import { drive } from "./orders.drive.ts";
import { endOrder } from "./orders.endings.ts";
import type { Orders } from "./orders.state.ts";
import type { Rounds } from "./rounds.ts";
import {
	type DueOrder,
	type StaleOrder,
	selectExpiringSymbols,
	selectOverdue,
	selectStalePending,
	selectStaleSymbols,
} from "./sweep.store.ts";

const SWEEP_EVERY_MS = 1_000;
/** Younger orders are still being driven by the request that placed them. */
const STALE_AFTER_S = 5;
/** Those of a lane share the commits of their market; all lanes together leave room for what users ask of `trading`. */
const EXPIRED_AT_ONCE = 200;
const DRIVEN_AT_ONCE = 32;
const MAX_LANES = 2;

/** Ends `day` and `gtd` orders whose time is over. */
export function startExpirer(orders: Orders): Rounds {
	return startLanes<DueOrder>({
		everyMs: SWEEP_EVERY_MS,
		atOnce: EXPIRED_AT_ONCE,
		maxLanes: MAX_LANES,
		symbols: () => selectExpiringSymbols(orders.db),
		page: (symbol, after, limit) => selectOverdue(orders.db, symbol, after, limit),
		work: ({ order }) => expire(orders, order),
		onError: (error, what) => orders.logger.warn(`${what} could not be expired yet`, error),
	});
}

/** Drives on what has been left pending, by a crash, a timeout or a service that was away. */
export function startSweeper(orders: Orders): Rounds {
	return startLanes<StaleOrder>({
		everyMs: SWEEP_EVERY_MS,
		atOnce: DRIVEN_AT_ONCE,
		maxLanes: MAX_LANES,
		symbols: () => selectStaleSymbols(orders.db, STALE_AFTER_S),
		async page(symbol, after, limit) {
			const timeoutS = await orders.setting("trading.order_timeout_s");
			return selectStalePending(orders.db, symbol, { ageS: STALE_AFTER_S, timeoutS }, after, limit);
		},
		work: ({ order, timedOut }) => (timedOut ? expire(orders, order) : driveOn(orders, order)),
		onError: (error, what) => orders.logger.warn(`${what} could not be swept yet`, error),
	});
}

/** The order is closed in trading, which answers with what it is if it has ended there, or arrived after all. */
function expire(orders: Orders, order: DueOrder["order"]): Promise<unknown> {
	return endOrder(orders, orders.broker, order, "expired", { correlation_id: order.correlation_id, actor: null });
}

async function driveOn(orders: Orders, order: StaleOrder["order"]): Promise<void> {
	const { status } = await drive(orders, orders.broker, order, null, null);
	if (status === "pending") throw new Error(`order ${order.order_id} is still pending`);
}
