import { type Accounts, feeAccountOf, hold, post } from "./accounts.ts";
import type { ExecutedTrade } from "./execution.ts";
import { costOfTaking, type Market, notionalOf, worstCost } from "./market.ts";
import type { Matches } from "./matching.ts";
import { type ExecutionOrder, remainingLots } from "./order.ts";

/** A market and the accounts that this transaction has locked. */
export interface Settlement {
	readonly market: Market;
	readonly accounts: Accounts;
}

/** The asset that an order takes from its user. */
export function assetOf(market: Market, { side }: ExecutionOrder): string {
	return side === "buy" ? market.quoteAsset : market.baseAsset;
}

/** What `order` takes from its user at the worst, fee included: one that takes any price just what it matches now. */
export function requiredFunds(market: Market, order: ExecutionOrder, found: Matches): bigint {
	if (order.side === "sell" || order.priceTicks !== null) return openHold(market, order);
	return found.matches.reduce(
		(sum, match) => (match.kind === "trade" ? sum + costOfTaking(market, match.ticks, match.lots) : sum),
		0n,
	);
}

/**
 * What an order that rests or waits may still cost: a sell what is left of it, a buy that at its limit price with the
 * higher fee, or at its stop price when it has no limit.
 */
export function openHold(market: Market, order: ExecutionOrder): bigint {
	const lots = remainingLots(order);
	if (order.side === "sell") return BigInt(lots) * market.lotUnits;
	const ticks = order.priceTicks ?? order.stopTicks;
	if (ticks === null) throw new Error(`market order ${order.orderId} cannot rest`);
	return worstCost(market, ticks, lots);
}

/** What the stop of a pair holds beside its limit: the two hold what the dearer of them may cost. */
export function excessHold(market: Market, stop: ExecutionOrder, limit: ExecutionOrder): bigint {
	const excess = openHold(market, stop) - openHold(market, limit);
	return excess > 0n ? excess : 0n;
}

/** Sets what `order` holds to `units`; the difference goes to or comes from what its user has available. */
export function rehold({ market, accounts }: Settlement, order: ExecutionOrder, units: bigint): void {
	if (units === order.hold) return;
	hold(accounts, order.userId, assetOf(market, order), units - order.hold);
	order.hold = units;
}

/** Settles a trade that both orders have been filled by: their totals, the maker's hold, and the journal. */
export function settle(settlement: Settlement, trade: ExecutedTrade): void {
	const { market } = settlement;
	const { maker, taker, ticks, lots, makerFee, takerFee } = trade;
	const notional = notionalOf(market, ticks, lots);
	addFill(maker, notional, makerFee);
	addFill(taker, notional, takerFee);
	rehold(settlement, maker, openHold(market, maker));
	postTrade(settlement, trade, notional);
}

function addFill(order: ExecutionOrder, notional: bigint, fee: bigint): void {
	order.filledNotional += notional;
	order.fee += fee;
}

function postTrade({ market, accounts }: Settlement, trade: ExecutedTrade, notional: bigint): void {
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
