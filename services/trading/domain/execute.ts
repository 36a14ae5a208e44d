import { accountOf, availableOn } from "./accounts.ts";
import { addOrder, type Book, fillResting, hasRoom, removeOrder } from "./book.ts";
import { feeOn, notionalOf } from "./market.ts";
import { findMatches, type Match, type Matches } from "./matching.ts";
import { type ExecutionOrder, type ExecutionStatus, type RejectReason, remainingLots } from "./order.ts";
import { rehold, requiredFunds, restingHold, type Settlement, settle } from "./settlement.ts";

/** A trade of this batch, with the two orders as they are to be told of it. */
export interface ExecutedTrade {
	readonly tradeId: string;
	readonly tradeSeq: number;
	readonly maker: ExecutionOrder;
	readonly taker: ExecutionOrder;
	readonly ticks: number;
	readonly lots: number;
	readonly makerFee: bigint;
	readonly takerFee: bigint;
	readonly makerReportSeq: number;
	readonly takerReportSeq: number;
}

/** An order as it stood after one command: a copy, since later commands may change the order again. */
export interface Report {
	readonly order: Readonly<ExecutionOrder>;
	readonly trades: readonly ExecutedTrade[];
}

/** All that one transaction works on: the owner's book, the accounts it has locked, and what comes of it. */
export interface Execution extends Settlement {
	readonly book: Book;
	readonly newId: () => string;
	/** The last numbers given so far. */
	tradeSeq: number;
	arrivalSeq: number;
	readonly trades: ExecutedTrade[];
	readonly reports: Report[];
	readonly changed: Map<string, ExecutionOrder>;
}

/** An order that sweeps through more makers is told of in several reports, since an event has a limit of its own. */
const MAX_FILLS_PER_REPORT = 500;

/** Executes a new order: rejects it, or matches what can match and lets the rest rest or expire. */
export function submit(execution: Execution, order: ExecutionOrder): void {
	const { book } = execution;
	order.arrivalSeq = ++execution.arrivalSeq;
	const matches = findMatches(book, order);
	const rejection = rejectionOf(execution, order, matches);
	if (rejection) {
		order.rejectReason = rejection;
		report(execution, order, "rejected", []);
		return;
	}
	let trades: ExecutedTrade[] = [];
	for (const match of matches.matches) {
		if (trades.length === MAX_FILLS_PER_REPORT) {
			report(execution, order, "partially_filled", trades);
			trades = [];
		}
		trades.push(trade(execution, order, match));
	}
	if (remainingLots(order) === 0) {
		report(execution, order, "filled", trades);
	} else if (!order.rests || matches.selfTrade) {
		report(execution, order, "expired", trades);
	} else {
		rehold(execution, order, restingHold(execution.market, order));
		addOrder(book, order);
		report(execution, order, order.filledLots > 0 ? "partially_filled" : "open", trades);
	}
}

/** Ends a working order that its owner or the time has ended, and gives back what it held. */
export function close(execution: Execution, orderId: string, status: "canceled" | "expired"): void {
	const order = removeOrder(execution.book, orderId);
	if (!order) throw new Error(`order ${orderId} is not in the book`);
	rehold(execution, order, 0n);
	report(execution, order, status, []);
}

/** Keeps an order that never arrived as ended, so that it is refused if it arrives later. */
export function closeUnknown(execution: Execution, order: ExecutionOrder, status: "canceled" | "expired"): void {
	order.arrivalSeq = ++execution.arrivalSeq;
	report(execution, order, status, []);
}

/** Why `order` cannot be executed, or null. */
export function rejectionOf(
	execution: Pick<Execution, "market" | "book" | "accounts">,
	order: ExecutionOrder,
	found: Matches,
): RejectReason | null {
	if (execution.market.status !== "trading") return "MARKET_NOT_OPEN";
	if (found.selfTrade && found.lots === 0) return "SELF_TRADE_PREVENTED";
	if (order.priceTicks === null && found.lots === 0) return "NO_LIQUIDITY";
	const { asset, units } = requiredFunds(execution.market, order, found);
	if (availableOn(accountOf(execution.accounts, order.userId, asset)) < units) return "INSUFFICIENT_FUNDS";
	const rest = remainingLots(order) - found.lots;
	if (order.rests && !found.selfTrade && rest > 0 && !hasRoom(execution.book, order, rest)) return "BOOK_FULL";
	return null;
}

function trade(execution: Execution, taker: ExecutionOrder, { maker, ticks, lots }: Match): ExecutedTrade {
	const { market } = execution;
	const notional = notionalOf(market, ticks, lots);
	const made: ExecutedTrade = {
		tradeId: execution.newId(),
		tradeSeq: ++execution.tradeSeq,
		maker,
		taker,
		ticks,
		lots,
		makerFee: feeOn(notional, market.makerFeeBps),
		takerFee: feeOn(notional, market.takerFeeBps),
		makerReportSeq: maker.reportSeq + 1,
		takerReportSeq: taker.reportSeq + 1,
	};
	fillResting(execution.book, maker, lots);
	taker.filledLots += lots;
	settle(execution, made);
	execution.trades.push(made);
	report(execution, maker, remainingLots(maker) === 0 ? "filled" : "partially_filled", [made]);
	return made;
}

function report(
	execution: Execution,
	order: ExecutionOrder,
	status: ExecutionStatus,
	trades: readonly ExecutedTrade[],
): void {
	order.status = status;
	order.reportSeq += 1;
	execution.changed.set(order.orderId, order);
	execution.reports.push({ order: { ...order, level: null, previous: null, next: null }, trades });
}
