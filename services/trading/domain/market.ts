import { fromUnits, toUnits } from "../../../lib/kernel/decimal.ts";

/** Every amount of money is kept in units of 10^-10 of its asset; see docs/money.md. */
export const ASSET_SCALE = 10;
const BASIS_POINTS = 10_000n;
const MOST_LOTS = BigInt(Number.MAX_SAFE_INTEGER);

/** `cancel_only` lets orders be canceled and nothing else; `halted` not even that. Their time runs out all the same. */
export type MarketStatus = "trading" | "cancel_only" | "halted";

/** The rules of one market, with what they are worth in units. */
export interface Market {
	readonly symbol: string;
	readonly baseAsset: string;
	readonly quoteAsset: string;
	readonly status: MarketStatus;
	readonly makerFeeBps: number;
	readonly takerFeeBps: number;
	/** One tick of price in units of the quote asset, one lot in units of the base asset. */
	readonly tickUnits: bigint;
	readonly lotUnits: bigint;
	/** What one lot costs at one tick, in units of the quote asset. */
	readonly tickLotUnits: bigint;
}

interface MarketRules {
	readonly symbol: string;
	readonly base_asset: string;
	readonly quote_asset: string;
	readonly tick_size: string;
	readonly lot_size: string;
	readonly maker_fee_bps: number;
	readonly taker_fee_bps: number;
	readonly status: MarketStatus;
}

/** A market from its rules; throws when the product of tick and lot is finer than an amount can be. */
export function marketOf(rules: MarketRules): Market {
	const tickUnits = toUnits(rules.tick_size, ASSET_SCALE);
	const lotUnits = toUnits(rules.lot_size, ASSET_SCALE);
	const product = tickUnits * lotUnits;
	const one = 10n ** BigInt(ASSET_SCALE);
	if (product <= 0n || product % one !== 0n)
		throw new Error(`${rules.symbol}: tick x lot is finer than ${ASSET_SCALE} digits`);
	return {
		symbol: rules.symbol,
		baseAsset: rules.base_asset,
		quoteAsset: rules.quote_asset,
		status: rules.status,
		makerFeeBps: rules.maker_fee_bps,
		takerFeeBps: rules.taker_fee_bps,
		tickUnits,
		lotUnits,
		tickLotUnits: product / one,
	};
}

/** `price` in whole ticks. Throws on one that is off the grid or not a safe integer: the edge has refused those. */
export function toTicks(market: Market, price: string): number {
	return wholeNumberOf(toUnits(price, ASSET_SCALE), market.tickUnits, price);
}

/** `quantity` in whole lots; throws as `toTicks` does. */
export function toLots(market: Market, quantity: string): number {
	return wholeNumberOf(toUnits(quantity, ASSET_SCALE), market.lotUnits, quantity);
}

function wholeNumberOf(units: bigint, step: bigint, text: string): number {
	const count = Number(units / step);
	if (units <= 0n || units % step !== 0n || !Number.isSafeInteger(count)) throw new Error(`${text} is off the grid`);
	return count;
}

/** Whole ticks as a price. */
export function fromTicks(market: Market, ticks: number): string {
	return fromUnits(BigInt(ticks) * market.tickUnits, ASSET_SCALE);
}

/** Whole lots as a quantity. */
export function fromLots(market: Market, lots: number): string {
	return fromUnits(BigInt(lots) * market.lotUnits, ASSET_SCALE);
}

/** What `lots` cost at `ticks`, in units of the quote asset: exact. */
export function notionalOf(market: Market, ticks: number, lots: number): bigint {
	return BigInt(ticks) * BigInt(lots) * market.tickLotUnits;
}

/** The fee on `notional`, rounded down to a whole unit: the customer keeps the remainder. */
export function feeOn(notional: bigint, bps: number): bigint {
	return (notional * BigInt(bps)) / BASIS_POINTS;
}

/**
 * The most that buying `lots` at `ticks` or better can cost, fee included. Fees are rounded down per fill, so those of
 * many fills never add up to more than the one taken here.
 */
export function worstCost(market: Market, ticks: number, lots: number): bigint {
	const notional = notionalOf(market, ticks, lots);
	return notional + feeOn(notional, Math.max(market.makerFeeBps, market.takerFeeBps));
}

/** The most lots that `units` pay for at `ticks`, the taker's fee included. */
export function affordableLots(market: Market, ticks: number, units: bigint): number {
	const bps = BigInt(market.takerFeeBps);
	const roughly = (units * BASIS_POINTS) / (notionalOf(market, ticks, 1) * (BASIS_POINTS + bps));
	let lots = Number(roughly > MOST_LOTS ? MOST_LOTS : roughly);
	// The fee is rounded down, which may leave enough for more.
	while (lots < Number.MAX_SAFE_INTEGER && costOfTaking(market, ticks, lots + 1) <= units) lots += 1;
	return lots;
}

/** What taking `lots` at `ticks` costs a buyer, fee included. */
export function costOfTaking(market: Market, ticks: number, lots: number): bigint {
	const notional = notionalOf(market, ticks, lots);
	return notional + feeOn(notional, market.takerFeeBps);
}

/** `bps` basis points of `ticks`, rounded down. */
export function portionOf(ticks: number, bps: number): number {
	const product = ticks * bps;
	if (product > Number.MAX_SAFE_INTEGER) return Number((BigInt(ticks) * BigInt(bps)) / BASIS_POINTS);
	return (product - (product % Number(BASIS_POINTS))) / Number(BASIS_POINTS);
}
