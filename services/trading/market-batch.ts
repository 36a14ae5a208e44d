import type { ExecutionReport, SubmitOrder } from "../../contracts/trading.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { findOrder } from "./domain/book.ts";
import { close, closeUnknown, type Execution, submit } from "./domain/execute.ts";
import type { ExecutionOrder } from "./domain/order.ts";
import { executionReported, reportOf, tradeExecuted } from "./trading.events.ts";

/** What is asked of a market: execute a new order, or end one. */
export interface MarketCommand {
	readonly kind: "submit" | "canceled" | "expired";
	readonly order: SubmitOrder;
	readonly origin: Origin;
}

/**
 * What came of a command: a report, `known` for an order that had arrived or ended before, `halted` for a cancel that
 * the market does not take now, or whom to ask instead.
 */
export type Executed =
	| { readonly at: "here"; readonly report: ExecutionReport }
	| { readonly at: "known" }
	| { readonly at: "halted" }
	| { readonly at: "elsewhere"; readonly node: string };

/** Executes commands one after the other; gives what came of each, and the events that tell of all. */
export function executeAll(
	execution: Execution,
	commands: readonly MarketCommand[],
	orders: readonly ExecutionOrder[],
	known: Set<string>,
	now: Date,
): { executed: Executed[]; events: Staged[] } {
	const { market } = execution;
	const events: Staged[] = [];
	const executed = commands.map((command, i): Executed => {
		const order = orders[i] as ExecutionOrder;
		const [reportsBefore, tradesBefore] = [execution.reports.length, execution.trades.length];
		const outcome = executeOne(execution, command, order, known);
		if (outcome !== "done") return { at: outcome };
		known.add(order.orderId);
		const reports = execution.reports.slice(reportsBefore).map((report) => reportOf(market, report, now));
		events.push(...reports.map((report) => executionReported(report, command.origin)));
		for (const trade of execution.trades.slice(tradesBefore))
			events.push(tradeExecuted(market, trade, now, command.origin));
		const own = reports.findLast((report) => report.order_id === order.orderId);
		if (!own) throw new Error(`order ${order.orderId} was executed without a report`);
		return { at: "here", report: own };
	});
	return { executed, events };
}

function executeOne(
	execution: Execution,
	{ kind }: MarketCommand,
	order: ExecutionOrder,
	known: ReadonlySet<string>,
): "done" | "known" | "halted" {
	const { book, market } = execution;
	if (kind !== "submit" && findOrder(book, order.orderId)) {
		if (kind === "canceled" && market.status === "halted") return "halted";
		close(execution, order.orderId, kind);
	} else if (known.has(order.orderId)) {
		return "known";
	} else if (kind === "submit") {
		submit(execution, order);
	} else {
		closeUnknown(execution, order, kind);
	}
	return "done";
}
