import { type ExecutionOrder, remainingLots, type Side } from "./order.ts";

/** A book holds this many orders at the most; a price level as many lots as a number counts exactly. */
const MAX_RESTING_ORDERS = 2_000_000;

interface Resting {
	readonly order: ExecutionOrder;
	readonly level: Level;
	previous: Resting | null;
	next: Resting | null;
}

/** All orders at one price, oldest first. */
interface Level {
	readonly ticks: number;
	lots: number;
	first: Resting | null;
	last: Resting | null;
}

/** The levels of one side, worst price first: the best one is at the end, where arrays are cheap to change. */
type Levels = Level[];

/** The resting orders of one market. One writer owns it and changes it in place. */
export interface Book {
	readonly buy: Levels;
	readonly sell: Levels;
	readonly byId: Map<string, Resting>;
}

/** One match that an incoming order would make. */
export interface Match {
	readonly maker: ExecutionOrder;
	readonly ticks: number;
	readonly lots: number;
}

/** What an incoming order would meet: `selfTrade` when it stopped at an order of its own user. */
export interface Matches {
	readonly matches: readonly Match[];
	readonly lots: number;
	readonly selfTrade: boolean;
}

/** A book that nobody has ordered in. */
export function emptyBook(): Book {
	return { buy: [], sell: [], byId: new Map() };
}

/** Finds what `order` would match, best price first, then oldest first. The book stays as it is. */
export function findMatches(book: Book, order: ExecutionOrder): Matches {
	const levels = order.side === "buy" ? book.sell : book.buy;
	const matches: Match[] = [];
	let left = remainingLots(order);
	for (let i = levels.length - 1; i >= 0 && left > 0; i--) {
		const level = levels[i] as Level;
		if (!crosses(order, level.ticks)) break;
		for (let resting = level.first; resting && left > 0; resting = resting.next) {
			if (resting.order.userId === order.userId) return { matches, lots: remainingLots(order) - left, selfTrade: true };
			const lots = Math.min(left, remainingLots(resting.order));
			matches.push({ maker: resting.order, ticks: level.ticks, lots });
			left -= lots;
		}
	}
	return { matches, lots: remainingLots(order) - left, selfTrade: false };
}

function crosses(order: ExecutionOrder, ticks: number): boolean {
	if (order.priceTicks === null) return true;
	return order.side === "buy" ? ticks <= order.priceTicks : ticks >= order.priceTicks;
}

/** Fills `lots` of the resting order `maker`, and takes it out of the book when nothing is left of it. */
export function fillResting(book: Book, maker: ExecutionOrder, lots: number): void {
	const resting = book.byId.get(maker.orderId);
	if (!resting || lots > remainingLots(maker)) throw new Error(`order ${maker.orderId} cannot give ${lots} lots`);
	if (lots === remainingLots(maker)) {
		removeOrder(book, maker.orderId);
	} else {
		resting.level.lots -= lots;
	}
	maker.filledLots += lots;
}

/** Whether what is left of `order` finds room in the book. */
export function hasRoom(book: Book, order: ExecutionOrder, lots: number): boolean {
	if (book.byId.size >= MAX_RESTING_ORDERS) return false;
	const { level } = findLevel(book[order.side], order.side, limitOf(order));
	return level === undefined || Number.isSafeInteger(level.lots + lots);
}

/** Puts `order` behind all others at its price. */
export function addOrder(book: Book, order: ExecutionOrder): void {
	const levels = book[order.side];
	const ticks = limitOf(order);
	const found = findLevel(levels, order.side, ticks);
	const level = found.level ?? { ticks, lots: 0, first: null, last: null };
	if (!found.level) levels.splice(found.index, 0, level);
	const resting: Resting = { order, level, previous: level.last, next: null };
	if (level.last) level.last.next = resting;
	else level.first = resting;
	level.last = resting;
	level.lots += remainingLots(order);
	book.byId.set(order.orderId, resting);
}

/** Takes an order out of the book; undefined when it is not in it. */
export function removeOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	const resting = book.byId.get(orderId);
	if (!resting) return undefined;
	const { order, level, previous, next } = resting;
	if (previous) previous.next = next;
	else level.first = next;
	if (next) next.previous = previous;
	else level.last = previous;
	level.lots -= remainingLots(order);
	book.byId.delete(orderId);
	if (!level.first) {
		const levels = book[order.side];
		levels.splice(findLevel(levels, order.side, level.ticks).index, 1);
	}
	return order;
}

/** The resting order of that id, or undefined. */
export function findOrder(book: Book, orderId: string): ExecutionOrder | undefined {
	return book.byId.get(orderId)?.order;
}

/** The best `count` levels of a side as `[ticks, lots]`, best first. */
export function bestLevels(book: Book, side: Side, count: number): [ticks: number, lots: number][] {
	return book[side]
		.slice(-count)
		.reverse()
		.map((level) => [level.ticks, level.lots]);
}

/** The users whose orders `incoming` ones of the other side can match, when they take at most `lots` in all. */
export function ownersInReach(book: Book, side: Side, incoming: readonly ExecutionOrder[], lots: number): Set<string> {
	const owners = new Set<string>();
	const levels = book[side];
	let left = lots;
	for (let i = levels.length - 1; i >= 0 && left > 0; i--) {
		const level = levels[i] as Level;
		if (!incoming.some((order) => crosses(order, level.ticks))) break;
		for (let resting = level.first; resting && left > 0; resting = resting.next) {
			owners.add(resting.order.userId);
			left -= remainingLots(resting.order);
		}
	}
	return owners;
}

function limitOf(order: ExecutionOrder): number {
	if (order.priceTicks === null) throw new Error(`market order ${order.orderId} has no place in the book`);
	return order.priceTicks;
}

/** The level at `ticks`, or where it would stand; searched from the best price by halves. */
function findLevel(levels: Levels, side: Side, ticks: number): { index: number; level: Level | undefined } {
	let [low, high] = [0, levels.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		const at = (levels[middle] as Level).ticks;
		if (side === "buy" ? at < ticks : at > ticks) low = middle + 1;
		else high = middle;
	}
	const level = levels[low];
	return { index: low, level: level?.ticks === ticks ? level : undefined };
}
