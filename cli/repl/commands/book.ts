import type { Depth } from "../../../contracts/trading.ts";
import { call } from "../../../lib/service.ts";
import { countOf, type ReplCommand, textOf } from "../command.ts";

const DEFAULT_DEPTH = 10;
const MAX_DEPTH = 500;
const BAR_WIDTH = 24;

type Level = Depth["bids"][number];

/** `book SYMBOL`: the best levels of both sides as a ladder, asks above bids. */
export const book: ReplCommand = {
	name: "book",
	args: "<symbol>",
	description: "Show the order book of a market",
	options: [{ option: "--depth <levels>", description: `of each side (${DEFAULT_DEPTH} unless told)` }],
	async run(broker, given) {
		const symbol = textOf(given, "symbol") as string;
		const depth = countOf(given, "depth", DEFAULT_DEPTH, MAX_DEPTH);
		const { bids, asks, sequence } = await call(broker, "trading.depth", { symbol, depth });
		console.log(`${symbol} at ${sequence}: ${asks.length} ask and ${bids.length} bid levels`);
		for (const line of ladder(asks.toReversed(), bids)) console.log(line);
	},
};

/** One line a level; bars are to the scale of the largest quantity shown, and only drawn with floats. */
function ladder(asks: readonly Level[], bids: readonly Level[]): string[] {
	const all = [...asks, ...bids];
	if (all.length === 0) return ["  empty"];
	const most = Math.max(...all.map(([, quantity]) => Number(quantity)));
	const priceWidth = Math.max(...all.map(([price]) => price.length));
	const quantityWidth = Math.max(...all.map(([, quantity]) => quantity.length));
	const line = (side: string) => (level: Level) => {
		const [price, quantity] = level;
		const bar = "█".repeat(Math.max(1, Math.round((BAR_WIDTH * Number(quantity)) / most)));
		return `  ${side} ${price.padStart(priceWidth)}  ${quantity.padStart(quantityWidth)}  ${bar}`;
	};
	return [...asks.map(line("ask")), `  ${"-".repeat(priceWidth + quantityWidth + 6)}`, ...bids.map(line("bid"))];
}
