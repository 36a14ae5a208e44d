import { type Book, crosses } from "./book.ts";
import type { Level } from "./levels.ts";
import { affordableLots, costOfTaking, type Market, portionOf } from "./market.ts";
import { type ExecutionOrder, remainingLots, type Side } from "./order.ts";

/** What an incoming order does to a resting one: trade, cut both of them by as much, or end it. */
export interface Match {
	readonly kind: "trade" | "cut" | "end";
	readonly maker: ExecutionOrder;
	readonly ticks: number;
	readonly lots: number;
}

/**
 * What an incoming order would meet. `lots` of it would trade and `cutLots` be cut; `stoppedBy` is what kept it from
 * going on: an order of its own user, the price band, or that its notional is spent.
 */
export interface Matches {
	readonly matches: readonly Match[];
	readonly lots: number;
	readonly cutLots: number;
	readonly stoppedBy: "self_trade" | "band" | "spent" | null;
}

/** What matching goes by, beside the book. */
export interface Conditions {
	readonly market: Market;
	readonly nowMs: number;
	/** How far from the last price an order may trade, in basis points of it; null for a market without a band. */
	readonly bandBps: number | null;
	/** The price of the last trade; null before the first. */
	readonly lastTicks: number | null;
}

/** Most orders meet nobody. */
const NOTHING: Matches = { matches: [], lots: 0, cutLots: 0, stoppedBy: null };

/** A search under way: what is left of the order, of its notional, and what it has met. */
interface Search {
	readonly order: ExecutionOrder;
	readonly conditions: Conditions;
	readonly matches: Match[];
	left: number;
	unspent: bigint | null;
	lots: number;
	cutLots: number;
	stoppedBy: Matches["stoppedBy"];
	readonly maxMatches: number;
}

/**
 * Finds what `order` would meet, best price first, then oldest first: the first `maxMatches` of it. The book stays as
 * it is.
 */
export function findMatches(
	book: Book,
	order: ExecutionOrder,
	conditions: Conditions,
	maxMatches = Number.POSITIVE_INFINITY,
): Matches {
	const { best } = order.side === "buy" ? book.sell : book.buy;
	if (!best || !crosses(order, best.ticks)) return NOTHING;
	const edge = bandEdge(conditions, order.side);
	const search: Search = {
		order,
		conditions,
		matches: [],
		left: order.notional === null ? remainingLots(order) : Number.MAX_SAFE_INTEGER,
		unspent: order.notional,
		lots: 0,
		cutLots: 0,
		stoppedBy: null,
		maxMatches,
	};
	for (let level: Level | null = best; level && crosses(order, level.ticks); level = level.worse) {
		if (isBeyond(order.side, level.ticks, edge)) search.stoppedBy = "band";
		else searchLevel(search, level);
		if (!goesOn(search)) break;
	}
	const { matches, lots, cutLots, stoppedBy } = search;
	return { matches, lots, cutLots, stoppedBy };
}

/** Whether an order is filled by what it has met: one by notional when what is left of its money buys nothing more. */
export function isFilled(order: ExecutionOrder, found: Matches): boolean {
	if (order.notional !== null) return found.stoppedBy === "spent" && found.cutLots === 0 && found.lots > 0;
	return remainingLots(order) === 0;
}

/** Whether an order would be filled whole by what it is going to meet. */
export function fillsWhole(order: ExecutionOrder, { lots, cutLots, stoppedBy }: Matches): boolean {
	return order.notional === null ? lots === remainingLots(order) : stoppedBy === "spent" && cutLots === 0;
}

/** The worst price at which an order of that side may trade; null when there is no band. */
export function bandEdge({ bandBps, lastTicks }: Conditions, side: Side): number | null {
	if (bandBps === null || lastTicks === null) return null;
	const width = portionOf(lastTicks, bandBps);
	return side === "buy" ? lastTicks + width : lastTicks - width;
}

/** Whether a price is worse than the edge of the band. */
export function isBeyond(side: Side, ticks: number, edge: number | null): boolean {
	if (edge === null) return false;
	return side === "buy" ? ticks > edge : ticks < edge;
}

/** An iceberg comes back with its next slice when all others at the price have had their turn. */
function searchLevel(search: Search, level: Level): void {
	const again: { readonly maker: ExecutionOrder; readonly hidden: number }[] = [];
	for (let maker = level.first; maker && goesOn(search); maker = maker.next) {
		const hidden = remainingLots(maker) - maker.visibleLots;
		if (meet(search, maker, level.ticks, maker.visibleLots) && hidden > 0) again.push({ maker, hidden });
	}
	for (let i = 0; i < again.length && goesOn(search); i++) {
		const { maker, hidden } = again[i] as (typeof again)[number];
		const slice = Math.min(maker.displayLots ?? hidden, hidden);
		if (meet(search, maker, level.ticks, slice) && hidden > slice) again.push({ maker, hidden: hidden - slice });
	}
}

function goesOn({ left, stoppedBy, matches, maxMatches }: Search): boolean {
	return left > 0 && stoppedBy === null && matches.length < maxMatches;
}

/** Meets one slice of a resting order; true when all of the slice went. */
function meet(search: Search, maker: ExecutionOrder, ticks: number, slice: number): boolean {
	const { order, conditions, matches } = search;
	if (maker.expiresAtMs !== null && maker.expiresAtMs <= conditions.nowMs) {
		matches.push({ kind: "end", maker, ticks, lots: 0 });
		return false;
	}
	const mode = maker.userId === order.userId ? order.selfTradePrevention : "none";
	if (mode === "expire_maker" || mode === "expire_both") matches.push({ kind: "end", maker, ticks, lots: 0 });
	if (mode === "expire_taker" || mode === "expire_both") search.stoppedBy = "self_trade";
	if (mode !== "none" && mode !== "decrement") return false;
	const lots = Math.min(search.left, slice, mostFor(search, ticks));
	if (lots > 0) {
		matches.push({ kind: mode === "none" ? "trade" : "cut", maker, ticks, lots });
		search.left -= lots;
		if (mode === "none") search.lots += lots;
		else search.cutLots += lots;
		if (search.unspent !== null) search.unspent -= costOfTaking(conditions.market, ticks, lots);
	}
	if (search.unspent === 0n || (search.unspent !== null && lots < slice)) search.stoppedBy = "spent";
	return lots === slice;
}

function mostFor({ unspent, conditions }: Search, ticks: number): number {
	return unspent === null ? Number.MAX_SAFE_INTEGER : affordableLots(conditions.market, ticks, unspent);
}
