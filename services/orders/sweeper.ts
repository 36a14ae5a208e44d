import type { Origin } from "../../lib/caller.ts";
import type { OrderRecord } from "./domain/order.ts";
import { startLanes } from "./lanes.ts";
import { readLegs } from "./legs.store.ts";
import { drive, expireIfNew } from "./orders.drive.ts";
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
		work: ({ order, timedOut }) => (timedOut ? giveUp(orders, order) : driveOn(orders, order)),
		onError: (error, what) => orders.logger.warn(`${what} could not be swept yet`, error),
	});
}

/** The order is ended in trading, which answers with what it is if it has ended there before. */
function expire(orders: Orders, order: OrderRecord): Promise<unknown> {
	return endOrder(orders, orders.broker, order, "expired", placingOf(order));
}

/** An oco is given up by its legs: what becomes of them becomes of it. */
async function giveUp(orders: Orders, order: OrderRecord): Promise<void> {
	const sent = order.order_class === "oco" ? await readLegs(orders.db, [order.order_id]) : [order];
	await Promise.all(sent.map((one) => expireIfNew(orders, orders.broker, one, { origin: placingOf(order) })));
}

async function driveOn(orders: Orders, order: OrderRecord): Promise<void> {
	const { status } = await drive(orders, orders.broker, order, null, null);
	if (status === "pending") throw new Error(`order ${order.order_id} is still pending`);
}

/** The request that placed an order, which nobody waits for any more. */
function placingOf({ correlation_id }: OrderRecord): Origin {
	return { correlation_id, actor: null };
}
