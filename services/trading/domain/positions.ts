import type { ExecutedTrade } from "./execution.ts";
import { type Market, notionalOf } from "./market.ts";
import type { Side } from "./order.ts";

/**
 * What a user has bought of a market's asset, less what was sold: negative when more was sold. `cost` is what the
 * position was opened for, with the same sign; money is in units of the quote asset, and without fees.
 */
export interface Position {
	readonly lots: bigint;
	readonly cost: bigint;
	readonly realized: bigint;
	readonly fees: bigint;
}

/** Nothing has been traded. */
export const FLAT: Position = { lots: 0n, cost: 0n, realized: 0n, fees: 0n };

/** One side of a trade. */
export interface PositionFill {
	readonly side: Side;
	readonly ticks: number;
	readonly lots: number;
	readonly fee: bigint;
}

/**
 * The position after a fill, at average cost: what closes a part of it realises the difference to that part's share of
 * the cost, rounded towards 0 to a unit, the remainder stays with the rest; what goes beyond 0 opens a new one.
 */
export function afterFill(market: Market, position: Position, { side, ticks, lots, fee }: PositionFill): Position {
	const sign = side === "buy" ? 1n : -1n;
	const held = position.lots < 0n ? -position.lots : position.lots;
	const closes = position.lots * sign < 0n ? smaller(held, BigInt(lots)) : 0n;
	const share = closes === 0n ? 0n : (position.cost * closes) / held;
	const opened = sign * notionalOf(market, ticks, Number(BigInt(lots) - closes));
	return {
		lots: position.lots + sign * BigInt(lots),
		cost: position.cost - share + opened,
		realized: position.realized - sign * notionalOf(market, ticks, Number(closes)) - share,
		fees: position.fees + fee,
	};
}

/** The positions that trades have changed, by user, from what they were before. */
export function positionsAfter(
	market: Market,
	before: ReadonlyMap<string, Position>,
	trades: readonly ExecutedTrade[],
): Map<string, Position> {
	const changed = new Map<string, Position>();
	for (const { maker, taker, ticks, lots, makerFee, takerFee } of trades) {
		for (const [{ userId, side }, fee] of [
			[maker, makerFee],
			[taker, takerFee],
		] as const) {
			const position = changed.get(userId) ?? before.get(userId) ?? FLAT;
			changed.set(userId, afterFill(market, position, { side, ticks, lots, fee }));
		}
	}
	return changed;
}

/** What the position would realise, were it closed at `ticks`. */
export function unrealizedAt(market: Market, { lots, cost }: Position, ticks: number): bigint {
	return lots * notionalOf(market, ticks, 1) - cost;
}

function smaller(a: bigint, b: bigint): bigint {
	return a < b ? a : b;
}
