import type { ExecutionReport, SubmitOrder } from "../../contracts/trading.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { findOrder } from "./domain/book.ts";
import { close, closeUnknown, submit, submitPair } from "./domain/execute.ts";
import type { Execution } from "./domain/execution.ts";
import type { Market } from "./domain/market.ts";
import type { ExecutionOrder } from "./domain/order.ts";
import { executionOrderOf } from "./submission.ts";
import { executionReported, reportOf, tradeExecuted } from "./trading.events.ts";

/** What is asked of a market: execute a new order, or a limit with the stop that is its twin, or end an order. */
export interface MarketCommand {
	readonly kind: "submit" | "canceled" | "expired";
	readonly order: SubmitOrder;
	readonly stop?: SubmitOrder;
	/** Ends an order that has not arrived, and leaves one that has as it is. */
	readonly onlyIfNew?: boolean;
	readonly origin: Origin;
}

/**
 * What came of a command: a report of each of its orders, `known` for those that had arrived or ended before, `halted`
 * for a cancel that the market does not take now, or whom to ask instead.
 */
export type Executed =
	| { readonly at: "here"; readonly reports: readonly ExecutionReport[] }
	| { readonly at: "known" }
	| { readonly at: "halted" }
	| { readonly at: "elsewhere"; readonly node: string };

/** The orders of a command as the engine takes them: one, or a limit and its stop. */
export type CommandOrders = readonly [ExecutionOrder, ...ExecutionOrder[]];

/** The orders of a command; throws on one that is off the grid. */
export function ordersOf(market: Market, { order, stop }: MarketCommand): CommandOrders {
	if (!stop) return [executionOrderOf(market, order)];
	return [executionOrderOf(market, order, stop.order_id), executionOrderOf(market, stop, order.order_id)];
}

/** Executes commands one after the other; gives what came of each, and the events that tell of all. */
export function executeAll(
	execution: Execution,
	commands: readonly MarketCommand[],
	orders: readonly CommandOrders[],
	known: Set<string>,
	now: Date,
): { executed: Executed[]; events: Staged[] } {
	const { market } = execution;
	const events: Staged[] = [];
	const executed = commands.map((command, i): Executed => {
		const own = orders[i] as CommandOrders;
		const [reportsBefore, tradesBefore] = [execution.reports.length, execution.trades.length];
		const outcome = executeOne(execution, command, own, known);
		const reports = execution.reports.slice(reportsBefore).map((report) => reportOf(market, report, now));
		events.push(...reports.map((report) => executionReported(report, command.origin)));
		for (const trade of execution.trades.slice(tradesBefore))
			events.push(tradeExecuted(market, trade, now, command.origin));
		for (const order of own) known.add(order.orderId);
		if (outcome !== "done") return { at: outcome };
		return { at: "here", reports: own.map((order) => lastReportOf(reports, order)) };
	});
	return { executed, events };
}

function lastReportOf(reports: readonly ExecutionReport[], { orderId }: ExecutionOrder): ExecutionReport {
	const last = reports.findLast((report) => report.order_id === orderId);
	if (!last) throw new Error(`order ${orderId} was executed without a report`);
	return last;
}

function executeOne(
	execution: Execution,
	{ kind, onlyIfNew }: MarketCommand,
	[order, stop]: CommandOrders,
	known: ReadonlySet<string>,
): "done" | "known" | "halted" {
	const { book, market } = execution;
	if (stop && (known.has(order.orderId) || known.has(stop.orderId))) {
		// One that was ended before the pair came takes the other with it.
		for (const late of [order, stop]) if (!known.has(late.orderId)) closeUnknown(execution, late, "canceled");
		return "known";
	}
	if (kind !== "submit" && !onlyIfNew && findOrder(book, order.orderId)) {
		if (kind === "canceled" && market.status === "halted") return "halted";
		close(execution, order.orderId, kind);
	} else if (known.has(order.orderId)) {
		return "known";
	} else if (kind !== "submit") {
		closeUnknown(execution, order, kind);
	} else if (stop) {
		submitPair(execution, order, stop);
	} else {
		submit(execution, order);
	}
	return "done";
}
