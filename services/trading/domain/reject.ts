import { type Accounts, accountOf, availableOn } from "./accounts.ts";
import { type Book, hasRoom, hasRoomForStop } from "./book.ts";
import { bandEdge, type Conditions, findMatches, isBeyond, type Matches } from "./matching.ts";
import { type ExecutionOrder, isStop, mayRest, type RejectReason, remainingLots } from "./order.ts";
import { assetOf, openHold, requiredFunds } from "./settlement.ts";
import { isReached, startTrailing } from "./stops.ts";

/** What an order is judged by. */
interface Scene extends Conditions {
	readonly book: Book;
	readonly accounts: Accounts;
}

/** Why `order` cannot be executed, or null. What `old` holds, which it takes the place of, is there to pay for it. */
export function rejectionOf(
	scene: Scene,
	order: ExecutionOrder,
	found: Matches,
	old: ExecutionOrder | null,
): RejectReason | null {
	const { side, priceTicks } = order;
	const refusal = refusalOf(scene, order);
	if (refusal) return refusal;
	if (priceTicks !== null && isBeyond(side, priceTicks, bandEdge(scene, side))) return "PRICE_OUT_OF_BAND";
	const meets = found.matches.some((match) => match.kind !== "end") || found.stoppedBy === "self_trade";
	if (order.postOnly && meets) return "POST_ONLY_WOULD_TAKE";
	if (found.matches.length === 0) {
		if (found.stoppedBy === "self_trade") return "SELF_TRADE_PREVENTED";
		if (found.stoppedBy === "spent") return "BELOW_MIN_NOTIONAL";
		if (priceTicks === null) return "NO_LIQUIDITY";
	}
	if (isShort(scene, order, old, requiredFunds(scene.market, order, found))) return "INSUFFICIENT_FUNDS";
	const rest = remainingLots(order) - found.lots - found.cutLots;
	if (mayRest(order) && !found.stoppedBy && rest > 0 && !hasRoom(scene.book, order, rest)) return "BOOK_FULL";
	return null;
}

/** Why a stop cannot wait for its price, or null. */
export function rejectionOfStop(scene: Scene, order: ExecutionOrder, old: ExecutionOrder | null): RejectReason | null {
	const refusal = refusalOf(scene, order);
	if (refusal) return refusal;
	if (order.stopTicks === null) return "NO_LAST_PRICE";
	if (isShort(scene, order, old, openHold(scene.market, order))) return "INSUFFICIENT_FUNDS";
	return old || hasRoomForStop(scene.book) ? null : "BOOK_FULL";
}

/** A rehearsal looks at this many resting orders, since it costs nothing to ask for one. */
export const REHEARSAL_DEPTH = 1_000;

/** Why `order` would be rejected now, or null, and what it would take from its user. */
export function rehearsalOf(
	scene: Scene & { readonly tradeSeq: number },
	order: ExecutionOrder,
): { readonly code: RejectReason | null; readonly units: bigint } {
	const { market, book, lastTicks } = scene;
	if (!isStop(order) || isReached(order, lastTicks)) {
		const found = findMatches(book, order, scene, REHEARSAL_DEPTH);
		return { code: rejectionOf(scene, order, found, null), units: requiredFunds(market, order, found) };
	}
	startTrailing(scene, order);
	return {
		code: rejectionOfStop(scene, order, null),
		units: order.stopTicks === null ? 0n : openHold(market, order),
	};
}

/** Nobody is ever short of an asset here, so that a buy never reduces a position, and no sale exceeds one. */
function refusalOf(scene: Scene, { reduceOnly, side }: ExecutionOrder): RejectReason | null {
	if (scene.market.status !== "trading") return "MARKET_NOT_OPEN";
	return reduceOnly && side === "buy" ? "REDUCE_ONLY" : null;
}

function isShort(scene: Scene, order: ExecutionOrder, old: ExecutionOrder | null, units: bigint): boolean {
	const account = accountOf(scene.accounts, order.userId, assetOf(scene.market, order));
	return availableOn(account) + order.hold + (old?.hold ?? 0n) < units;
}
