import { call } from "../../lib/service.ts";
import type { OrderRecord } from "./domain/order.ts";
import { drive, settleReport, submissionOf } from "./orders.drive.ts";
import type { Orders } from "./orders.state.ts";
import { selectOverdue, selectStalePending } from "./orders.store.ts";

const SWEEP_EVERY_MS = 1_000;
/** Younger orders are still being driven by the request that placed them. */
const STALE_AFTER_S = 5;
const MAX_SWEPT = 100;

/**
 * Drives on what has been left pending, by a crash, a timeout or a service that was away, and ends `day` and `gtd`
 * orders whose time is over. Gives a way to stop it.
 */
export function startSweeper(orders: Orders): { stop(): Promise<void> } {
	let sweeping: Promise<void> = Promise.resolve();
	let idle = true;
	const timer = setInterval(() => {
		if (!idle) return;
		idle = false;
		sweeping = sweep(orders)
			.catch((error) => orders.logger.warn("orders could not be swept", error))
			.finally(() => (idle = true));
	}, SWEEP_EVERY_MS);
	return {
		async stop() {
			clearInterval(timer);
			await sweeping;
		},
	};
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
		const closing = { order: submissionOf(order), status: "expired" } as const;
		const { correlation_id } = order;
		const report = await call(orders.broker, "trading.close", closing, { requestID: correlation_id });
		await settleReport(orders, orders.broker, report, { correlation_id, actor: null });
	} catch (error) {
		orders.logger.warn(`order ${order.order_id} could not be expired`, error);
	}
}
