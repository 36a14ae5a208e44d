import type { ExecutionOrder } from "./order.ts";

/** All orders at one price, oldest first; `lots` is what they show together. */
export interface Level {
	readonly levels: Levels;
	readonly ticks: number;
	/** The smaller the better. */
	readonly rank: number;
	lots: number;
	first: ExecutionOrder | null;
	last: ExecutionOrder | null;
	better: Level | null;
	worse: Level | null;
}

/**
 * The price levels of one side. They are linked from the best to the worst, and found by their rank through short
 * sorted blocks: a change moves few of them, however many there are.
 */
export interface Levels {
	readonly sign: 1 | -1;
	readonly blocks: Level[][];
	best: Level | null;
	/** How many stand in them. */
	orders: number;
}

/** A full block is cut in two. Measured from 16 to 512, with a thousand levels and with a million: this is fastest. */
const MAX_BLOCK = 64;

/** A side without orders, the highest price best for "highest". */
export function emptyLevels(best: "highest" | "lowest"): Levels {
	return { sign: best === "highest" ? -1 : 1, blocks: [], best: null, orders: 0 };
}

/** The level at that price, or undefined. */
export function levelAt(levels: Levels, ticks: number): Level | undefined {
	const rank = ticks * levels.sign;
	const block = levels.blocks[blockOf(levels, rank)];
	const level = block?.[placeIn(block, rank)];
	return level?.rank === rank ? level : undefined;
}

/** Puts `order` behind all others at that price. */
export function append(levels: Levels, ticks: number, order: ExecutionOrder): void {
	const level = openLevel(levels, ticks);
	const { last } = level;
	if (last) last.next = order;
	else level.first = order;
	order.level = level;
	order.previous = last;
	order.next = null;
	level.last = order;
	level.lots += order.visibleLots;
	levels.orders += 1;
}

/** Takes `order` from the level it stands in, and the level away when it was the last one there. */
export function unlink(order: ExecutionOrder, level: Level): void {
	const { previous, next } = order;
	if (previous) previous.next = next;
	else level.first = next;
	if (next) next.previous = previous;
	else level.last = previous;
	order.level = null;
	order.previous = null;
	order.next = null;
	level.lots -= order.visibleLots;
	level.levels.orders -= 1;
	if (!level.first) dropLevel(level);
}

/** Gives the place of `order` to `successor`. */
export function succeed(order: ExecutionOrder, level: Level, successor: ExecutionOrder): void {
	const { previous, next } = order;
	successor.level = level;
	successor.previous = previous;
	successor.next = next;
	if (previous) previous.next = successor;
	else level.first = successor;
	if (next) next.previous = successor;
	else level.last = successor;
	order.level = null;
	order.previous = null;
	order.next = null;
	level.lots += successor.visibleLots - order.visibleLots;
}

/** The level at that price; an empty one takes its place there when there was none. */
function openLevel(levels: Levels, ticks: number): Level {
	const rank = ticks * levels.sign;
	const at = blockOf(levels, rank);
	const block = levels.blocks[at];
	if (!block) {
		levels.best = levelBetween(levels, ticks, null, null);
		levels.blocks.push([levels.best]);
		return levels.best;
	}
	const place = placeIn(block, rank);
	const found = block[place];
	if (found?.rank === rank) return found;
	const better = place > 0 ? (block[place - 1] as Level) : null;
	const level = levelBetween(levels, ticks, better, better ? better.worse : levels.best);
	block.splice(place, 0, level);
	if (block.length > MAX_BLOCK) levels.blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
	return level;
}

function levelBetween(levels: Levels, ticks: number, better: Level | null, worse: Level | null): Level {
	const level: Level = { levels, ticks, rank: ticks * levels.sign, lots: 0, first: null, last: null, better, worse };
	if (better) better.worse = level;
	else levels.best = level;
	if (worse) worse.better = level;
	return level;
}

function dropLevel({ levels, better, worse, rank }: Level): void {
	if (better) better.worse = worse;
	else levels.best = worse;
	if (worse) worse.better = better;
	const at = blockOf(levels, rank);
	const block = levels.blocks[at] as Level[];
	block.splice(placeIn(block, rank), 1);
	if (block.length === 0) levels.blocks.splice(at, 1);
}

/** The last block that begins at `rank` or before; the first one for a rank before all. */
function blockOf({ blocks }: Levels, rank: number): number {
	let [low, high] = [0, blocks.length - 1];
	while (low < high) {
		const middle = (low + high + 1) >>> 1;
		if (((blocks[middle] as Level[])[0] as Level).rank <= rank) low = middle;
		else high = middle - 1;
	}
	return low;
}

/** Where `rank` stands in the block, or would stand. */
function placeIn(block: readonly Level[], rank: number): number {
	let [low, high] = [0, block.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((block[middle] as Level).rank < rank) low = middle + 1;
		else high = middle;
	}
	return low;
}
