import type { Db } from "../../lib/db.ts";
import {
	type CancelSweep,
	finishSweep,
	hasSwept,
	type SweptOrder,
	selectSweeps,
	selectSwept,
	selectSweptSymbols,
} from "./cancel-sweep.store.ts";
import { startLanes } from "./lanes.ts";
import { endOrder } from "./orders.endings.ts";
import type { Orders } from "./orders.state.ts";
import type { Rounds } from "./rounds.ts";

const ROUND_EVERY_MS = 1_000;
/** So many halts are seen to at a time; the others come after them. */
const MAX_SWEEPS = 10;
/** All lanes together ask `trading` for no more at a time than it takes in from a node, its queue included. */
const CANCEL_AT_A_TIME = 50;
/** Nobody should be held up in a halt: more markets must stand than with other sweepers before another one waits. */
const MAX_LANES = 10;
/** A look for the markets of a halt reads all that is open: it is good for so long. What comes up later is rare. */
const LOOK_EVERY_MS = 10_000;

/**
 * Cancels the open orders of halts that ask for it, market by market. A sweep is a row until a round finds nothing left
 * of it, so it goes on after a crash. Every node takes part: an order that is ended twice has ended once.
 */
export function startCancelSweeper(orders: Orders): Rounds {
	const marketsOf = marketsOfSweeps(orders.db);
	return startLanes<SweptOrder>({
		everyMs: ROUND_EVERY_MS,
		atOnce: CANCEL_AT_A_TIME,
		maxLanes: MAX_LANES,
		symbols: () => symbolsLeft(orders.db, marketsOf),
		page: (symbol, after, limit) => nextSwept(orders.db, symbol, after, limit),
		work({ order, sweep }) {
			const origin = { correlation_id: sweep.correlation_id, actor: null };
			return endOrder(orders, orders.broker, order, "canceled", origin, sweep.event_id);
		},
		onError: (error, what) => orders.logger.warn(`a halt could not cancel yet: ${what}`, error),
	});
}

/** The markets that halts have yet to see to; a halt that has nothing left is over. */
async function symbolsLeft(
	db: Db,
	marketsOf: (sweep: CancelSweep) => Promise<readonly string[]>,
): Promise<readonly string[]> {
	const left = new Set<string>();
	for (const sweep of await selectSweeps(db, MAX_SWEEPS)) {
		if (!(await hasSwept(db, sweep))) await finishSweep(db, sweep);
		else for (const symbol of await marketsOf(sweep)) left.add(symbol);
	}
	return [...left];
}

/** The markets of sweeps, as the last look of each found them; that of the last few sweeps is kept. */
function marketsOfSweeps(db: Db): (sweep: CancelSweep) => Promise<readonly string[]> {
	const looks = new Map<string, { readonly symbols: readonly string[]; readonly at: number }>();
	return async (sweep) => {
		const known = looks.get(sweep.event_id);
		if (known && performance.now() - known.at < LOOK_EVERY_MS) return known.symbols;
		const look = { symbols: await selectSweptSymbols(db, sweep), at: performance.now() };
		if (looks.size >= MAX_SWEEPS) looks.clear();
		looks.set(sweep.event_id, look);
		return look.symbols;
	};
}

/** The next orders of a market, halt by halt. */
async function nextSwept(db: Db, symbol: string, after: SweptOrder | undefined, limit: number): Promise<SweptOrder[]> {
	for (const sweep of await selectSweeps(db, MAX_SWEEPS)) {
		const isBehind = after !== undefined && sweep.event_id < after.sweep.event_id;
		if (isBehind || (sweep.symbol ?? symbol) !== symbol) continue;
		const from = sweep.event_id === after?.sweep.event_id ? after.order : undefined;
		const page = await selectSwept(db, { ...sweep, symbol }, from, limit);
		if (page.length > 0) return page;
	}
	return [];
}
