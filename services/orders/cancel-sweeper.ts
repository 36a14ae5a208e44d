import { type CancelSweep, finishSweep, selectSweeps, selectSwept } from "./cancel-sweep.store.ts";
import type { OrderRecord } from "./domain/order.ts";
import { endOrder } from "./orders.endings.ts";
import type { Orders } from "./orders.state.ts";
import { type Rounds, startRounds } from "./rounds.ts";

const ROUND_EVERY_MS = 1_000;
/** Together no more orders at a time than `trading` takes in from a node, its queue included. */
const MAX_SWEEPS = 10;
const CANCEL_AT_A_TIME = 100;

/**
 * Cancels the open orders of halts that ask for it. A sweep is a row until a round finds nothing left of it, so it goes
 * on after a crash. Every node takes part: an order that is ended twice has ended once.
 */
export function startCancelSweeper(orders: Orders): Rounds {
	return startRounds({
		everyMs: ROUND_EVERY_MS,
		async round(signal) {
			const sweeps = await selectSweeps(orders.db, MAX_SWEEPS);
			await Promise.all(sweeps.map((sweep) => runSweep(orders, sweep, signal)));
		},
		onError: (error) => orders.logger.warn("the orders of a halt could not be canceled", error),
	});
}

async function runSweep(orders: Orders, sweep: CancelSweep, signal: AbortSignal): Promise<void> {
	let page = await selectSwept(orders.db, sweep, undefined, CANCEL_AT_A_TIME);
	if (page.length === 0) return finishSweep(orders.db, sweep);
	while (page.length > 0 && !signal.aborted) {
		await cancelTogether(orders, sweep, page);
		page = await selectSwept(orders.db, sweep, page.at(-1), CANCEL_AT_A_TIME);
	}
}

/**
 * Leaves to the next round what cannot be ended now. So it does with pending orders: they are on their way to be denied
 * or to open, and one that its market has ended before can no longer be denied.
 */
async function cancelTogether(orders: Orders, sweep: CancelSweep, page: readonly OrderRecord[]): Promise<void> {
	const origin = { correlation_id: sweep.correlation_id, actor: null };
	const results = await Promise.allSettled(
		page
			.filter((order) => order.status !== "pending")
			.map((order) => endOrder(orders, orders.broker, order, "canceled", origin, sweep.event_id)),
	);
	const failures = results.filter((result) => result.status === "rejected");
	if (failures.length > 0)
		orders.logger.warn(`${failures.length} orders of a halt could not be canceled yet`, failures[0]?.reason);
}
