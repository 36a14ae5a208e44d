import { append, emptyLevels, type Level, type Levels, unlink } from "./levels.ts";
import { portionOf } from "./market.ts";
import type { ExecutionOrder } from "./order.ts";

/**
 * A trade can trigger all stops of a market at once, in one transaction, and every new price looks at each trailing
 * one: so many may wait.
 */
export const MAX_STOPS = 10_000;

/** The orders of a market that wait for a price. */
export interface Stops {
	/** Triggered by a price as high as theirs. */
	readonly buy: Levels;
	/** Triggered by a price as low as theirs. */
	readonly sell: Levels;
	readonly trailing: Set<ExecutionOrder>;
	count: number;
}

/** The price of a market's last trade, null before the first, and its number. */
interface LastTrade {
	readonly lastTicks: number | null;
	readonly tradeSeq: number;
}

/** Nobody waits. */
export function emptyStops(): Stops {
	return { buy: emptyLevels("lowest"), sell: emptyLevels("highest"), trailing: new Set(), count: 0 };
}

/** Lets `order` wait for its price. */
export function watch(stops: Stops, order: ExecutionOrder): void {
	stops.count += 1;
	if (order.orderType === "trailing_stop") stops.trailing.add(order);
	else append(stops[order.side], stopOf(order), order);
}

/** Whether the last price, if there is one, has reached the stop of `order`. */
export function isReached(order: ExecutionOrder, lastTicks: number | null): boolean {
	if (lastTicks === null || order.orderType === "trailing_stop") return false;
	return order.side === "buy" ? lastTicks >= stopOf(order) : lastTicks <= stopOf(order);
}

/** Starts a trailing stop that has not started at the last price, if there is one; any other order stays as it is. */
export function startTrailing({ lastTicks, tradeSeq }: LastTrade, order: ExecutionOrder): void {
	if (order.orderType !== "trailing_stop" || order.extremeTicks !== null || lastTicks === null) return;
	order.extremeTicks = lastTicks;
	order.sinceTradeSeq = tradeSeq;
	const stop = trailingStop(order, lastTicks);
	order.stopTicks = Math.max(1, Math.min(stop, Number.MAX_SAFE_INTEGER));
}

/** Moves the best price that a trailing stop has seen on to `ticks`, if that is better; gives it as it then is. */
export function followPrice(order: ExecutionOrder, ticks: number): number {
	const extreme = order.extremeTicks ?? ticks;
	order.extremeTicks = order.side === "buy" ? Math.min(extreme, ticks) : Math.max(extreme, ticks);
	return order.extremeTicks;
}

/** Takes out the stops that a trade at `ticks` triggers, in the order of their arrival; the others trail it. */
export function takeTriggered(stops: Stops, ticks: number): ExecutionOrder[] {
	const triggered: ExecutionOrder[] = [];
	while (stops.buy.best && stops.buy.best.ticks <= ticks) drain(stops.buy.best, triggered);
	while (stops.sell.best && stops.sell.best.ticks >= ticks) drain(stops.sell.best, triggered);
	for (const order of stops.trailing) {
		if (!trail(order, ticks)) continue;
		stops.trailing.delete(order);
		triggered.push(order);
	}
	stops.count -= triggered.length;
	return triggered.sort((a, b) => a.arrivalSeq - b.arrivalSeq);
}

/** The stops that trades between two prices could trigger, whatever their order. */
export function stopsWithin(stops: Stops, low: number, high: number): ExecutionOrder[] {
	const within: ExecutionOrder[] = [];
	for (let level = stops.buy.best; level && level.ticks <= high; level = level.worse)
		for (let order = level.first; order; order = order.next) within.push(order);
	for (let level = stops.sell.best; level && level.ticks >= low; level = level.worse)
		for (let order = level.first; order; order = order.next) within.push(order);
	for (const order of stops.trailing) {
		const extreme = order.extremeTicks ?? low;
		if (order.side === "buy" && trailingStop(order, Math.min(extreme, low)) <= high) within.push(order);
		if (order.side === "sell" && trailingStop(order, Math.max(extreme, high)) >= low) within.push(order);
	}
	return within;
}

function drain(level: Level, into: ExecutionOrder[]): void {
	for (let { first } = level; first; first = level.first) {
		unlink(first, level);
		into.push(first);
	}
}

/** Moves a trailing stop after a trade; whether the trade has triggered it. */
function trail(order: ExecutionOrder, ticks: number): boolean {
	const stop = trailingStop(order, followPrice(order, ticks));
	return order.side === "buy" ? ticks >= stop : ticks <= stop;
}

/** A stop never stands at the price that it trails: it is behind it by a tick at least. */
function trailingStop({ side, trailTicks, trailBps }: ExecutionOrder, extreme: number): number {
	const behind = trailTicks ?? Math.max(1, portionOf(extreme, trailBps ?? 0));
	return side === "buy" ? extreme + behind : extreme - behind;
}

function stopOf(order: ExecutionOrder): number {
	if (order.stopTicks === null) throw new Error(`order ${order.orderId} waits for no price`);
	return order.stopTicks;
}
