import { dropLevel, emptyLevels, type Level, type Levels, levelAt, openLevel } from "./levels.ts";
import { type ExecutionOrder, remainingLots, type Side } from "./order.ts";

/** A book holds this many orders at the most; a price level as many lots as a number counts exactly. */
const MAX_RESTING_ORDERS = 2_000_000;

/** The resting orders of one market. One writer owns it and changes it in place. */
export interface Book {
	readonly buy: Levels;
	readonly sell: Levels;
	readonly byId: Map<string, ExecutionOrder>;
}

/** A book that nobody has ordered in. */
export function emptyBook(): Book {
	return { buy: emptyLevels("buy"), sell: emptyLevels("sell"), byId: new Map() };
}

/** Whether `order` would trade at that price. */
export function crosses(order: ExecutionOrder, ticks: number): boolean {
	if (order.priceTicks === null) return true;
	return order.side === "buy" ? ticks <= order.priceTicks : ticks >= order.priceTicks;
}

/** Fills `lots` of the resting order `maker`, and takes it out of the book when nothing is left of it. */
export function fillResting(book: Book, maker: ExecutionOrder, lots: number): void {
	const { level } = maker;
	if (!level || lots > remainingLots(maker)) throw new Error(`order ${maker.orderId} cannot give ${lots} lots`);
	level.lots -= lots;
	maker.filledLots += lots;
	if (remainingLots(maker) === 0) takeOut(book, maker, level);
}

/** Whether what is left of `order` finds room in the book. */
export function hasRoom(book: Book, order: ExecutionOrder, lots: number): boolean {
	if (book.byId.size >= MAX_RESTING_ORDERS) return false;
	const level = levelAt(book[order.side], limitOf(order));
	return level === undefined || Number.isSafeInteger(level.lots + lots);
}

/** Puts `order` behind all others at its price. */
export function addOrder(book: Book, order: ExecutionOrder): void {
	const level = openLevel(book[order.side], limitOf(order));
	const { last } = level;
	if (last) last.next = order;
	else level.first = order;
	order.level = level;
	order.previous = last;
	order.next = null;
	level.last = order;
	level.lots += remainingLots(order);
	book.byId.set(order.orderId, order);
}

/** Takes an order out of the book; undefined when it is not in it. */
export function removeOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	const order = book.byId.get(orderId);
	if (order?.level) {
		order.level.lots -= remainingLots(order);
		takeOut(book, order, order.level);
	}
	return order;
}

function takeOut(book: Book, order: ExecutionOrder, level: Level): void {
	const { previous, next } = order;
	if (previous) previous.next = next;
	else level.first = next;
	if (next) next.previous = previous;
	else level.last = previous;
	order.level = null;
	order.previous = null;
	order.next = null;
	book.byId.delete(order.orderId);
	if (!level.first) dropLevel(book[order.side], level);
}

/** The resting order of that id, or undefined. */
export function findOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	return book.byId.get(orderId);
}

/** The best `count` levels of a side as `[ticks, lots]`, best first. */
export function bestLevels(book: Book, side: Side, count: number): [ticks: number, lots: number][] {
	const found: [number, number][] = [];
	for (let level = book[side].best; level && found.length < count; level = level.worse)
		found.push([level.ticks, level.lots]);
	return found;
}

/** The users whose orders `incoming` ones of the other side can match, when they take at most `lots` in all. */
export function ownersInReach(book: Book, side: Side, incoming: readonly ExecutionOrder[], lots: number): Set<string> {
	const owners = new Set<string>();
	let left = lots;
	for (let level = book[side].best; level && left > 0; level = level.worse) {
		const { ticks } = level;
		if (!incoming.some((order) => crosses(order, ticks))) break;
		for (let order = level.first; order && left > 0; order = order.next) {
			owners.add(order.userId);
			left -= remainingLots(order);
		}
	}
	return owners;
}

function limitOf(order: ExecutionOrder): number {
	if (order.priceTicks === null) throw new Error(`market order ${order.orderId} has no place in the book`);
	return order.priceTicks;
}
