import { append, emptyLevels, type Levels, levelAt, succeed, unlink } from "./levels.ts";
import { type ExecutionOrder, remainingLots, type Side } from "./order.ts";
import { delist, emptyIndex, enlist, lookUp, type OrderIndex } from "./order-index.ts";
import { emptyStops, MAX_STOPS, type Stops, watch } from "./stops.ts";

/** A book holds this many orders at the most; a price level as many lots as a number counts exactly. */
const MAX_RESTING_ORDERS = 2_000_000;

/** The orders of one market that rest or wait for a price. One writer owns it and changes it in place. */
export interface Book {
	readonly buy: Levels;
	readonly sell: Levels;
	readonly stops: Stops;
	/** Resting and waiting ones. */
	readonly byId: OrderIndex;
}

/** A book that nobody has ordered in. */
export function emptyBook(): Book {
	return { buy: emptyLevels("highest"), sell: emptyLevels("lowest"), stops: emptyStops(), byId: emptyIndex() };
}

/** Whether `order` would trade at that price. */
export function crosses(order: ExecutionOrder, ticks: number): boolean {
	if (order.priceTicks === null) return true;
	return order.side === "buy" ? ticks <= order.priceTicks : ticks >= order.priceTicks;
}

/** Fills `lots` of the resting order `maker`; true when that lost it its place in time to a fresh slice. */
export function fillResting(book: Book, maker: ExecutionOrder, lots: number): boolean {
	maker.filledLots += lots;
	return shrink(book, maker, lots);
}

/** Takes `lots` off the quantity of the resting order `maker`, which has more than that; true as above. */
export function cutResting(book: Book, maker: ExecutionOrder, lots: number): boolean {
	maker.quantityLots -= lots;
	return shrink(book, maker, lots);
}

function shrink(book: Book, maker: ExecutionOrder, lots: number): boolean {
	const { level } = maker;
	if (!level || lots > maker.visibleLots) throw new Error(`order ${maker.orderId} cannot give ${lots} lots`);
	maker.visibleLots -= lots;
	level.lots -= lots;
	if (maker.visibleLots > 0) return false;
	const fresh = remainingLots(maker) > 0;
	if (fresh) {
		maker.visibleLots = sliceOf(maker);
		level.lots += maker.visibleLots;
		// The last one there stays where it is.
		if (level.last !== maker) {
			unlink(maker, level);
			append(level.levels, level.ticks, maker);
		}
	} else {
		unlink(maker, level);
		delist(book.byId, maker.orderId);
	}
	return fresh;
}

/** Whether what is left of `order` finds room in the book. */
export function hasRoom(book: Book, order: ExecutionOrder, lots: number): boolean {
	if (book.byId.size >= MAX_RESTING_ORDERS) return false;
	const level = levelAt(book[order.side], limitOf(order));
	return level === undefined || Number.isSafeInteger(level.lots + lots);
}

/** Puts `order` behind all others at its price. */
export function addOrder(book: Book, order: ExecutionOrder): void {
	// Of one that is loaded, a slice may have been filled in part.
	if (order.visibleLots === 0) order.visibleLots = sliceOf(order);
	append(book[order.side], limitOf(order), order);
	enlist(book.byId, order);
}

/** Whether one more stop may wait. */
export function hasRoomForStop(book: Book): boolean {
	return book.stops.count < MAX_STOPS;
}

/** Lets a stop wait for its price. */
export function addStop(book: Book, order: ExecutionOrder): void {
	watch(book.stops, order);
	enlist(book.byId, order);
}

/** Takes an order out of the book; undefined when it is not in it. */
export function removeOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	const order = lookUp(book.byId, orderId);
	if (!order) return undefined;
	if (order.status === "held") book.stops.count -= 1;
	if (order.level) unlink(order, order.level);
	else book.stops.trailing.delete(order);
	order.visibleLots = 0;
	delist(book.byId, orderId);
	return order;
}

/** Puts `order` where the resting `old` stood, with all that is left of it or as much as `old` has shown. */
export function takePlace(book: Book, old: ExecutionOrder, order: ExecutionOrder): void {
	if (!old.level) throw new Error(`order ${old.orderId} has no place in the book`);
	const left = remainingLots(order);
	order.visibleLots = order.displayLots === null ? left : Math.min(old.visibleLots, left);
	order.arrivalSeq = old.arrivalSeq;
	succeed(old, old.level, order);
	old.visibleLots = 0;
	delist(book.byId, old.orderId);
	enlist(book.byId, order);
}

/** The resting or waiting order of that id, or undefined. */
export function findOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	return lookUp(book.byId, orderId);
}

/** The best `count` levels of a side as `[ticks, lots]`, best first. */
export function bestLevels(book: Book, side: Side, count: number): [ticks: number, lots: number][] {
	const found: [number, number][] = [];
	for (let level = book[side].best; level && found.length < count; level = level.worse)
		found.push([level.ticks, level.lots]);
	return found;
}

/** What an order shows when it comes to rest, or comes back with a fresh slice. */
function sliceOf(order: ExecutionOrder): number {
	const left = remainingLots(order);
	return order.displayLots === null ? left : Math.min(order.displayLots, left);
}

function limitOf(order: ExecutionOrder): number {
	if (order.priceTicks === null) throw new Error(`market order ${order.orderId} has no place in the book`);
	return order.priceTicks;
}
