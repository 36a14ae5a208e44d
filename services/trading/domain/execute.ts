import { type Accounts, accountOf, availableOn, feeAccountOf, hold, post } from "./accounts.ts";
import {
	addOrder,
	type Book,
	fillResting,
	findMatches,
	hasRoom,
	type Match,
	type Matches,
	removeOrder,
} from "./book.ts";
import { feeOn, type Market, notionalOf, worstCost } from "./market.ts";
import { type ExecutionOrder, type ExecutionStatus, type RejectReason, remainingLots } from "./order.ts";

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
export interface Execution {
	readonly market: Market;
	readonly book: Book;
	readonly accounts: Accounts;
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
		trades.push(settle(execution, order, match));
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

/** What `order` takes from its user at the worst, fee included: a market order just what it matches now. */
export function requiredFunds(market: Market, order: ExecutionOrder, found: Matches): { asset: string; units: bigint } {
	if (order.side === "sell") return { asset: market.baseAsset, units: BigInt(order.quantityLots) * market.lotUnits };
	if (order.priceTicks !== null)
		return { asset: market.quoteAsset, units: worstCost(market, order.priceTicks, order.quantityLots) };
	const units = found.matches.reduce((sum, match) => {
		const notional = notionalOf(market, match.ticks, match.lots);
		return sum + notional + feeOn(notional, market.takerFeeBps);
	}, 0n);
	return { asset: market.quoteAsset, units };
}

/** What an order that rests may still cost: a sell what is left of it, a buy that at its price with the higher fee. */
export function restingHold(market: Market, order: ExecutionOrder): bigint {
	const lots = remainingLots(order);
	if (order.side === "sell") return BigInt(lots) * market.lotUnits;
	if (order.priceTicks === null) throw new Error(`market order ${order.orderId} cannot rest`);
	return worstCost(market, order.priceTicks, lots);
}

function settle(execution: Execution, taker: ExecutionOrder, { maker, ticks, lots }: Match): ExecutedTrade {
	const { market } = execution;
	const notional = notionalOf(market, ticks, lots);
	const trade: ExecutedTrade = {
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
	addFill(maker, notional, trade.makerFee);
	addFill(taker, notional, trade.takerFee);
	rehold(execution, maker, restingHold(market, maker));
	postTrade(execution, trade, notional);
	execution.trades.push(trade);
	report(execution, maker, remainingLots(maker) === 0 ? "filled" : "partially_filled", [trade]);
	return trade;
}

function addFill(order: ExecutionOrder, notional: bigint, fee: bigint): void {
	order.filledNotional += notional;
	order.fee += fee;
}

function postTrade({ market, accounts }: Execution, trade: ExecutedTrade, notional: bigint): void {
	const { maker, taker, tradeId } = trade;
	const [buyer, seller] = taker.side === "buy" ? [taker, maker] : [maker, taker];
	const base = BigInt(trade.lots) * market.lotUnits;
	const line = (kind: "trade" | "fee", owner: string, asset: string, amount: bigint) =>
		({ journalId: tradeId, kind, referenceId: tradeId, owner, asset, amount }) as const;
	post(accounts, [
		line("trade", seller.userId, market.baseAsset, -base),
		line("trade", buyer.userId, market.baseAsset, base),
		line("trade", buyer.userId, market.quoteAsset, -notional),
		line("trade", seller.userId, market.quoteAsset, notional),
		line("fee", maker.userId, market.quoteAsset, -trade.makerFee),
		line("fee", taker.userId, market.quoteAsset, -trade.takerFee),
		line("fee", feeAccountOf(market.symbol), market.quoteAsset, trade.makerFee + trade.takerFee),
	]);
}

/** Sets what `order` holds to `units`; the difference goes to or comes from what its user has available. */
function rehold({ market, accounts }: Execution, order: ExecutionOrder, units: bigint): void {
	const asset = order.side === "buy" ? market.quoteAsset : market.baseAsset;
	hold(accounts, order.userId, asset, units - order.hold);
	order.hold = units;
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
	execution.reports.push({ order: { ...order }, trades });
}
