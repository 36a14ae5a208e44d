import type { ExecutionOrder, Side } from "./order.ts";

/** All orders at one price, oldest first; `lots` is what they show together. */
export interface Level {
	readonly ticks: number;
	/** The smaller the better: ticks of a sell, ticks with a minus of a buy. */
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
}

/** A full block is cut in two. Measured from 16 to 512, with a thousand levels and with a million: this is fastest. */
const MAX_BLOCK = 64;

/** A side without orders. */
export function emptyLevels(side: Side): Levels {
	return { sign: side === "buy" ? -1 : 1, blocks: [], best: null };
}

/** The level at that price, or undefined. */
export function levelAt(levels: Levels, ticks: number): Level | undefined {
	const rank = ticks * levels.sign;
	const block = levels.blocks[blockOf(levels, rank)];
	const level = block?.[placeIn(block, rank)];
	return level?.rank === rank ? level : undefined;
}

/** The level at that price; an empty one takes its place there when there was none. */
export function openLevel(levels: Levels, ticks: number): Level {
	const rank = ticks * levels.sign;
	const at = blockOf(levels, rank);
	const block = levels.blocks[at];
	if (!block) {
		const only: Level = { ticks, rank, lots: 0, first: null, last: null, better: null, worse: null };
		levels.blocks.push([only]);
		levels.best = only;
		return only;
	}
	const place = placeIn(block, rank);
	const found = block[place];
	if (found?.rank === rank) return found;
	const better = place > 0 ? (block[place - 1] as Level) : null;
	const worse = better ? better.worse : levels.best;
	const level: Level = { ticks, rank, lots: 0, first: null, last: null, better, worse };
	if (better) better.worse = level;
	else levels.best = level;
	if (worse) worse.better = level;
	block.splice(place, 0, level);
	if (block.length > MAX_BLOCK) levels.blocks.splice(at + 1, 0, block.splice(MAX_BLOCK / 2));
	return level;
}

/** Takes an empty level out. */
export function dropLevel(levels: Levels, level: Level): void {
	const { better, worse, rank } = level;
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
