import assert from "node:assert/strict";
import fc from "fast-check";
import type { Book } from "../../../services/trading/domain/book.ts";
import type { ExecutedTrade, Execution } from "../../../services/trading/domain/execution.ts";
import type { Side } from "../../../services/trading/domain/order.ts";
import { type Asked, command, run, stepsOf, USERS } from "./commands.ts";
import { naiveBook } from "./naive-book.ts";
import type { NaiveTerms } from "./naive-matching.ts";
import { BTC_USD, executionWith } from "./support.ts";

/** Some of the commands turn out to be about orders that are gone, and are not counted. */
const RUNS = 900;
const LEAST_COMMANDS = 100_000;
const commands = fc.array(command, { minLength: 1, maxLength: 320, size: "max" });

test("the engine trades, rejects and ends what the plain book does, and leaves the same book", () => {
	let count = 0;
	const met = new Set<string>();
	fc.assert(
		fc.property(commands, fc.constantFrom(null, 200), (all, bandBps) => {
			const execution: Execution = { ...executionWith(USERS, 10n ** 30n), bandBps };
			const naive = naiveBook({ takerFeeBps: BTC_USD.takerFeeBps, bandBps });
			let compared = 0;
			run(execution, stepsOf(all), ({ asked, stop, id, end, atMs }) => {
				if (end) assert(naive.end(id, end));
				else if (stop) naive.submitPair(naiveTerms(asked), naiveTerms(stop), atMs);
				else naive.submit(naiveTerms(asked), atMs);
				assert.equal(execution.trades.length, naive.trades().length);
				for (; compared < execution.trades.length; compared++)
					assert.equal(shownTrade(execution.trades[compared]), naive.trades()[compared]);
				for (const side of ["buy", "sell"] as const)
					assert.equal(shownSide(execution.book, side), naive.shownSide(side));
				assert.equal(waitingIn(execution.book), naive.waiting());
				count += 1;
			});
			for (const [id, state] of naive.states()) {
				assert.equal(shownState(execution, id), state, id);
				met.add(state.replaceAll(/\d+/g, ""));
			}
		}),
		{ numRuns: RUNS },
	);
	expect(count).toBeGreaterThan(LEAST_COMMANDS);
	// Every way to end, and every reason to be rejected that has nothing to do with money, has been seen.
	expect([...met].map((state) => state.split(" ")[0]).toSorted()).toEqual(
		expect.arrayContaining([
			"canceled",
			"expired",
			"filled",
			"held",
			"open",
			"partially_filled",
			"rejected",
			"replaced",
		]),
	);
	for (const reason of REASONS) expect([...met].some((state) => state.includes(reason))).toBe(true);
});

const REASONS = [
	"BELOW_MIN_NOTIONAL",
	"NO_LAST_PRICE",
	"NO_LIQUIDITY",
	"POST_ONLY_WOULD_TAKE",
	"PRICE_OUT_OF_BAND",
	"REDUCE_ONLY",
	"SELF_TRADE_PREVENTED",
	"TOO_LATE_TO_REPLACE",
];

function naiveTerms({ terms, lots, stop }: Asked): NaiveTerms {
	return {
		id: terms.orderId,
		user: terms.userId,
		side: terms.side,
		type: terms.orderType,
		tif: terms.timeInForce,
		ticks: terms.priceTicks,
		stop,
		trailTicks: terms.trailTicks,
		trailBps: terms.trailBps,
		notional: terms.notional === null ? null : Number(terms.notional),
		postOnly: terms.postOnly,
		reduceOnly: terms.reduceOnly,
		display: terms.displayLots,
		stp: terms.selfTradePrevention,
		expiresAt: terms.expiresAtMs,
		replaces: terms.replaces,
		linked: terms.linkedTo,
		lots,
	};
}

function shownTrade(trade: ExecutedTrade | undefined): string {
	return trade ? `${trade.taker.orderId} takes ${trade.lots} of ${trade.maker.orderId} at ${trade.ticks}` : "";
}

function shownState(execution: Execution, id: string): string {
	const order = execution.changed.get(id);
	if (!order) return "";
	return `${order.status} ${order.rejectReason} ${order.filledLots} of ${order.quantityLots}`;
}

/** The levels of a side, best first, with the orders there in the order of time. */
function shownSide(book: Book, side: Side): string {
	const shown: string[] = [];
	for (let level = book[side].best; level; level = level.worse) {
		shown.push(`${level.ticks}:${level.lots}`);
		for (let order = level.first; order; order = order.next) shown.push(order.orderId);
	}
	return shown.join(" ");
}

function waitingIn(book: Book): string {
	const orders = book.byId.shards.flatMap((shard) => [...shard.values()]);
	assert.equal(orders.length, book.byId.size);
	const waiting = orders.filter((order) => order.status === "held").map((order) => order.orderId);
	assert.equal(waiting.length, book.stops.count);
	return waiting.sort().join(" ");
}
