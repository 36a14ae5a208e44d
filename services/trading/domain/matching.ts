import { type Book, crosses } from "./book.ts";
import { type ExecutionOrder, remainingLots } from "./order.ts";

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

/** Most orders meet nobody. */
const NOTHING: Matches = { matches: [], lots: 0, selfTrade: false };

/** Finds what `order` would match, best price first, then oldest first. The book stays as it is. */
export function findMatches(book: Book, order: ExecutionOrder): Matches {
	const { best } = order.side === "buy" ? book.sell : book.buy;
	if (!best || !crosses(order, best.ticks)) return NOTHING;
	const matches: Match[] = [];
	const wanted = remainingLots(order);
	let left = wanted;
	for (let level: typeof best | null = best; level && left > 0 && crosses(order, level.ticks); level = level.worse) {
		for (let maker = level.first; maker && left > 0; maker = maker.next) {
			if (maker.userId === order.userId) return { matches, lots: wanted - left, selfTrade: true };
			const lots = Math.min(left, remainingLots(maker));
			matches.push({ maker, ticks: level.ticks, lots });
			left -= lots;
		}
	}
	return { matches, lots: wanted - left, selfTrade: false };
}
