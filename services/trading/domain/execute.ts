import { addOrder, addStop, cutResting, fillResting, findOrder, takePlace } from "./book.ts";
import type { ExecutedTrade, Execution } from "./execution.ts";
import { feeOn, notionalOf } from "./market.ts";
import { fillsWhole, findMatches, isFilled, type Match, type Matches } from "./matching.ts";
import { type ExecutionOrder, isStop, isWorking, mayRest, remainingLots } from "./order.ts";
import { delist } from "./order-index.ts";
import { end, endTwin, giveUpTwin, joinTwin, shrinkTwin, twinOf } from "./pairs.ts";
import { rejectionOf, rejectionOfStop } from "./reject.ts";
import { reject, report } from "./reports.ts";
import { openHold, rehold, settle } from "./settlement.ts";
import { isReached, startTrailing, takeTriggered } from "./stops.ts";

/** An order that sweeps through more makers is told of in several reports, since an event has a limit of its own. */
const MAX_FILLS_PER_REPORT = 500;

/** Who rebuilds a book reads no more trades than these, to know the best prices that trailing stops have seen. */
const KEEP_TRAILING_EVERY_TRADES = 10_000;

/**
 * Executes a new order: rejects it, lets it wait for its price, or matches what can match and lets the rest rest or
 * expire. Then the stops that its trades have triggered enter in their turn, and those that theirs have.
 */
export function submit(execution: Execution, order: ExecutionOrder): void {
	order.arrivalSeq = ++execution.arrivalSeq;
	withTriggered(execution, () => {
		if (order.replaces === null) enter(execution, order, null);
		else replace(execution, order, order.replaces);
	});
}

/**
 * Executes a pair of new orders for the same lots on one side, of which one cancels the other: a limit and a stop. When
 * either cannot be accepted, both are rejected; a stop whose price has been reached leaves no place for its limit.
 */
export function submitPair(execution: Execution, limit: ExecutionOrder, stop: ExecutionOrder): void {
	limit.arrivalSeq = ++execution.arrivalSeq;
	stop.arrivalSeq = ++execution.arrivalSeq;
	withTriggered(execution, () => enterPair(execution, limit, stop));
}

/** Lets the stops in that the trades of `command` have triggered. */
function withTriggered(execution: Execution, command: () => void): void {
	const traded = execution.trades.length;
	const { tradeSeq } = execution;
	command();
	enterTriggered(execution, traded);
	const periodOf = (seq: number) => Math.floor(seq / KEEP_TRAILING_EVERY_TRADES);
	if (periodOf(tradeSeq) < periodOf(execution.tradeSeq)) keepTrailing(execution);
}

function enterPair(execution: Execution, limit: ExecutionOrder, stop: ExecutionOrder): void {
	const { book, lastTicks } = execution;
	if (hasExpired(execution, limit)) {
		for (const order of [limit, stop]) report(execution, order, "expired", []);
		return;
	}
	if (isReached(stop, lastTicks)) {
		report(execution, limit, "canceled", []);
		enter(execution, stop, null);
		return;
	}
	startTrailing(execution, stop);
	const found = findMatches(book, limit, execution);
	// The money is there for each of them, and they never cost more than the dearer one.
	const rejection = rejectionOf(execution, limit, found, null) ?? rejectionOfStop(execution, stop, null);
	if (rejection) {
		for (const order of [limit, stop]) reject(execution, order, rejection);
		return;
	}
	execute(execution, limit, found);
	if (isWorking(limit)) joinTwin(execution, limit, stop);
	else report(execution, stop, limit.status === "expired" ? "expired" : "canceled", []);
}

/** Ends a working order that its owner or the time has ended, and gives back what it held. */
export function close(execution: Execution, orderId: string, status: "canceled" | "expired"): void {
	const order = findOrder(execution.book, orderId);
	if (!order) throw new Error(`order ${orderId} is not in the book`);
	end(execution, order, status);
}

/** Keeps an order that never arrived as ended, so that it is refused if it arrives later. */
export function closeUnknown(execution: Execution, order: ExecutionOrder, status: "canceled" | "expired"): void {
	order.arrivalSeq = ++execution.arrivalSeq;
	report(execution, order, status, []);
}

/** Has the best prices that the trailing stops have seen saved with this batch. */
function keepTrailing({ book, changed, tradeSeq }: Execution): void {
	for (const order of book.stops.trailing) {
		order.sinceTradeSeq = tradeSeq;
		changed.set(order.orderId, order);
	}
}

/**
 * Less of an order at its price keeps its place in time; anything else goes to the end of the queue. One of a pair has
 * no successor.
 */
function replace(execution: Execution, order: ExecutionOrder, oldId: string): void {
	const old = findOrder(execution.book, oldId);
	const left = order.quantityLots - (old?.filledLots ?? 0);
	if (!old || old.userId !== order.userId || left <= 0 || twinOf(execution.book, old)) {
		reject(execution, order, "TOO_LATE_TO_REPLACE");
		return;
	}
	order.quantityLots = left;
	const keepsPlace = order.priceTicks === old.priceTicks && left <= remainingLots(old);
	if (old.status === "held") {
		order.stopTicks = old.stopTicks;
		order.extremeTicks = old.extremeTicks;
		order.sinceTradeSeq = old.sinceTradeSeq;
		if (keepsPlace) order.arrivalSeq = old.arrivalSeq;
	}
	if (!keepsPlace || old.status === "held" || execution.market.status !== "trading") {
		enter(execution, order, old);
		return;
	}
	takePlace(execution.book, old, order);
	rehold(execution, old, 0n);
	old.replacedBy = order.orderId;
	report(execution, old, "replaced", []);
	rehold(execution, order, openHold(execution.market, order));
	report(execution, order, "open", []);
}

/** Brings an order into the market, in the place of `old` if there is one: that stays when the new one is rejected. */
function enter(execution: Execution, order: ExecutionOrder, old: ExecutionOrder | null): void {
	if (hasExpired(execution, order)) {
		rehold(execution, order, 0n);
		report(execution, order, "expired", []);
		return;
	}
	if (waits(execution, order, old)) {
		enterStop(execution, order, old);
		return;
	}
	const found = findMatches(execution.book, order, execution);
	const rejection = rejectionOf(execution, order, found, old);
	if (rejection) {
		reject(execution, order, rejection);
		return;
	}
	if (old) giveWay(execution, old, order);
	if (order.timeInForce === "fok" && !fillsWhole(order, found)) {
		rehold(execution, order, 0n);
		report(execution, order, "expired", []);
	} else {
		execute(execution, order, found);
	}
}

function hasExpired({ nowMs }: Execution, { expiresAtMs }: ExecutionOrder): boolean {
	return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** A stop waits until its price is reached, unless it has been triggered, or the order whose place it takes. */
function waits({ lastTicks }: Execution, order: ExecutionOrder, old: ExecutionOrder | null): boolean {
	if (!isStop(order) || isReached(order, lastTicks)) return false;
	return old ? old.status === "held" : order.status !== "held";
}

function enterStop(execution: Execution, order: ExecutionOrder, old: ExecutionOrder | null): void {
	const { book, market } = execution;
	startTrailing(execution, order);
	const rejection = rejectionOfStop(execution, order, old);
	if (rejection) {
		reject(execution, order, rejection);
		return;
	}
	if (old) giveWay(execution, old, order);
	rehold(execution, order, openHold(market, order));
	addStop(book, order);
	report(execution, order, "held", []);
}

/** Stops enter one after the other; each is triggered once, so however they trigger each other, it ends. */
function enterTriggered(execution: Execution, tradesBefore: number): void {
	let seen = tradesBefore;
	const queue: ExecutionOrder[] = [];
	for (let at = 0; ; at++) {
		for (; seen < execution.trades.length; seen++) {
			const { ticks } = execution.trades[seen] as ExecutedTrade;
			// Many trades of a sweep have one price.
			if (ticks === execution.trades[seen - 1]?.ticks && seen !== tradesBefore) continue;
			const triggered = takeTriggered(execution.book.stops, ticks);
			for (const order of triggered) giveUpTwin(execution, order);
			queue.push(...triggered);
		}
		const order = queue[at];
		if (!order) return;
		delist(execution.book.byId, order.orderId);
		order.arrivalSeq = ++execution.arrivalSeq;
		enter(execution, order, null);
	}
}

function execute(execution: Execution, order: ExecutionOrder, found: Matches): void {
	let trades: ExecutedTrade[] = [];
	for (const match of found.matches) {
		if (trades.length === MAX_FILLS_PER_REPORT) {
			report(execution, order, "partially_filled", trades);
			trades = [];
		}
		if (match.kind === "trade") trades.push(trade(execution, order, match));
		else if (match.kind === "cut" && match.lots < remainingLots(match.maker)) cut(execution, match);
		else end(execution, match.maker, "expired");
	}
	const left = remainingLots(order) - found.cutLots;
	if (isFilled(order, found)) {
		rehold(execution, order, 0n);
		report(execution, order, "filled", trades);
	} else if (left > 0 && mayRest(order) && !found.stoppedBy) {
		order.quantityLots -= found.cutLots;
		rehold(execution, order, openHold(execution.market, order));
		addOrder(execution.book, order);
		report(execution, order, order.filledLots > 0 ? "partially_filled" : "open", trades);
	} else {
		rehold(execution, order, 0n);
		report(execution, order, "expired", trades);
	}
}

function trade(execution: Execution, taker: ExecutionOrder, { maker, ticks, lots }: Match): ExecutedTrade {
	const { market, book } = execution;
	const notional = notionalOf(market, ticks, lots);
	const made: ExecutedTrade = {
		tradeId: execution.newId(),
		tradeSeq: ++execution.tradeSeq,
		maker,
		taker,
		ticks,
		lots,
		makerFee: feeOn(notional, market.makerFeeBps),
		takerFee: feeOn(notional, market.takerFeeBps),
		makerReportSeq: maker.reportSeq + 1,
		takerReportSeq: taker.reportSeq + 1,
	};
	if (fillResting(book, maker, lots)) maker.arrivalSeq = ++execution.arrivalSeq;
	taker.filledLots += lots;
	if (taker.notional !== null) taker.quantityLots += lots;
	settle(execution, made);
	execution.lastTicks = ticks;
	execution.trades.push(made);
	const filled = remainingLots(maker) === 0;
	report(execution, maker, filled ? "filled" : "partially_filled", [made]);
	if (filled) endTwin(execution, maker);
	else shrinkTwin(execution, maker, lots);
	return made;
}

/** Takes off a resting order what it would have traded with its own user; it has more than that. */
function cut(execution: Execution, { maker, lots }: Match): void {
	if (cutResting(execution.book, maker, lots)) maker.arrivalSeq = ++execution.arrivalSeq;
	rehold(execution, maker, openHold(execution.market, maker));
	report(execution, maker, maker.status, []);
	shrinkTwin(execution, maker, lots);
}

function giveWay(execution: Execution, old: ExecutionOrder, order: ExecutionOrder): void {
	old.replacedBy = order.orderId;
	end(execution, old, "replaced");
}
