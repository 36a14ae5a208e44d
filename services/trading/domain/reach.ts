import { type Book, findOrder } from "./book.ts";
import type { Level } from "./levels.ts";
import { affordableLots, type Market } from "./market.ts";
import { type ExecutionOrder, remainingLots, type Side } from "./order.ts";
import { stopsWithin } from "./stops.ts";

/** So often a reach is widened for the stops within it; then all that wait are taken in. */
const MAX_ROUNDS = 8;

/** Prices at which a batch may trade; none while `low` is above `high`. */
interface Prices {
	low: number;
	high: number;
}

const EVERY_PRICE: Prices = { low: 1, high: Number.MAX_SAFE_INTEGER };

/**
 * Everyone whose money a batch of orders can move, whatever becomes of each: their own users, the users of the orders
 * that they can meet, and those of the stops that trades with them can trigger. Rather too many than one too few.
 */
export function ownersInReach(market: Market, book: Book, batch: readonly ExecutionOrder[]): Set<string> {
	const prices = pricesOf(batch);
	let stops: readonly ExecutionOrder[] = [];
	for (let round = 1; ; round++) {
		const takers = [...batch, ...stops];
		const owners = new Set(takers.map((order) => order.userId));
		const lots = takers.reduce((sum, order) => sum + lotsOf(market, book, prices, order), 0);
		for (const side of ["buy", "sell"] as const) addMakers(book, side, takers, lots, prices, owners);
		if (round >= MAX_ROUNDS) Object.assign(prices, EVERY_PRICE);
		const triggered = prices.low > prices.high ? [] : stopsWithin(book.stops, prices.low, prices.high);
		if (triggered.length === stops.length) return owners;
		for (const { priceTicks } of triggered) if (priceTicks !== null) widen(prices, priceTicks);
		stops = triggered;
	}
}

/** Orders of a batch may meet each other at the prices of those that rest. */
function pricesOf(batch: readonly ExecutionOrder[]): Prices {
	const prices: Prices = { low: Infinity, high: -Infinity };
	for (const { priceTicks } of batch) if (priceTicks !== null) widen(prices, priceTicks);
	return prices;
}

function widen(prices: Prices, ticks: number): void {
	prices.low = Math.min(prices.low, ticks);
	prices.high = Math.max(prices.high, ticks);
}

/** How much an order can take out of the book: by matching, or by leaving it to those behind. */
function lotsOf(market: Market, book: Book, { low }: Prices, order: ExecutionOrder): number {
	const replaced = order.replaces === null ? undefined : findOrder(book, order.replaces);
	const freed = replaced ? remainingLots(replaced) : 0;
	if (order.notional === null) return order.quantityLots + freed;
	const cheapest = Math.min(low, book.sell.best?.ticks ?? Infinity);
	return cheapest === Infinity ? 0 : affordableLots(market, cheapest, order.notional);
}

function addMakers(
	book: Book,
	side: Side,
	takers: readonly ExecutionOrder[],
	lots: number,
	prices: Prices,
	owners: Set<string>,
): void {
	const users = new Set(takers.map((order) => order.userId));
	const limit = furthestPrice(takers, side);
	let left = lots;
	for (let level: Level | null = book[side].best; level && left > 0; level = level.worse) {
		if (side === "buy" ? level.ticks < limit : level.ticks > limit) break;
		widen(prices, level.ticks);
		for (let maker = level.first; maker && left > 0; maker = maker.next) {
			owners.add(maker.userId);
			// One that may just be ended, by its time or by self-trade prevention, takes nothing from those who come.
			if (maker.expiresAtMs === null && !users.has(maker.userId)) left -= maker.visibleLots;
		}
	}
}

/** The price to which those that trade with `side` go. */
function furthestPrice(takers: readonly ExecutionOrder[], side: Side): number {
	let limit = side === "buy" ? Infinity : -Infinity;
	for (const taker of takers) {
		if (taker.side === side) continue;
		if (side === "buy") limit = Math.min(limit, taker.priceTicks ?? 0);
		else limit = Math.max(limit, taker.priceTicks ?? Infinity);
	}
	return limit;
}
