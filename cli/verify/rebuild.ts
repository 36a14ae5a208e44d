import { type Market, marketOf } from "../../services/trading/domain/market.ts";
import { type AllDatabases, sideBySide } from "./databases.ts";
import type { Invariant } from "./invariant.ts";
import { type BookOrder, bookEntryOf, isTrailing, liveOrders, rebuiltOrders } from "./rebuild/books.ts";
import {
	addHold,
	type Holds,
	liveAccounts,
	livePositions,
	rebuiltAccounts,
	rebuiltPositions,
} from "./rebuild/money.ts";
import { type Snapshot, withSnapshot } from "./rebuild/snapshot.ts";
import { type Comparison, comparison, type Entry } from "./rebuild/state-hash.ts";
import { notAsTold } from "./rebuild/told.ts";
import { followTrades } from "./rebuild/trailing.ts";

/** What was compared. */
export interface Rebuilt {
	/** SHA-256 of the live state and of the one that the log gives, in hex. */
	readonly live: string;
	readonly rebuilt: string;
	readonly orders: number;
	readonly accounts: number;
	readonly positions: number;
	/** Open orders whose events have been let go, or are from before reports told where an order stands. */
	readonly unknown: number;
}

/** The invariant that takes long, so that it is looked at when it is asked for; calls back with what was compared. */
export function rebuildInvariant(onRebuilt: (rebuilt: Rebuilt) => void): Invariant {
	return {
		id: "I12",
		says: "rebuilding books, balances and positions from the log gives the live state's hash",
		check: (dbs) =>
			withSnapshot(dbs.trading, async (trading) => {
				const forgotten = (await dbs.events.query("SELECT FROM removed_events")).length > 0;
				const found = comparison();
				const markets = await readMarkets(trading);
				const books = await compareBooks(dbs, trading, markets, found, forgotten);
				const accounts = await compare(found, "account", liveAccounts(trading), rebuiltAccounts(trading, books.holds));
				const positions = await compare(found, "position", livePositions(trading), rebuiltPositions(trading, markets));
				const hashes = found.hashes();
				onRebuilt({ ...hashes, orders: books.orders, accounts, positions, unknown: books.unknown });
				const untrue = await notAsTold(trading, forgotten);
				if (hashes.live === hashes.rebuilt) return untrue;
				return [`the live state is ${hashes.live}, the log gives ${hashes.rebuilt}`, ...found.differences, ...untrue];
			}),
	};
}

async function readMarkets(trading: Snapshot): Promise<Map<string, Market>> {
	const rules = await trading.few<Parameters<typeof marketOf>[0]>("SELECT * FROM markets");
	return new Map(rules.map((row) => [row.symbol, marketOf(row)]));
}

interface Books {
	readonly orders: number;
	readonly unknown: number;
	readonly holds: Holds;
}

/** Of an order that the log no longer knows, what is live must do to say what its account holds. */
async function compareBooks(
	dbs: AllDatabases,
	trading: Snapshot,
	markets: ReadonlyMap<string, Market>,
	found: Comparison,
	forgotten: boolean,
): Promise<Books> {
	const holds: Holds = new Map();
	const trailing = { live: [] as BookOrder[], rebuilt: [] as BookOrder[] };
	let [orders, unknown] = [0, 0];
	const both = sideBySide(liveOrders(trading, markets), rebuiltOrders(trading, dbs.orders, markets));
	for await (const { key, left: live, right: rebuilt } of both) {
		orders += 1;
		const lost = rebuilt ? rebuilt.order === null : forgotten;
		if (live && lost) {
			unknown += 1;
			addHold(holds, live);
			continue;
		}
		if (rebuilt) addHold(holds, rebuilt);
		found.take("order", key, live && bookEntryOf(live), rebuilt && bookEntryOf(rebuilt));
		if (live && isTrailing(live)) trailing.live.push(live);
		if (rebuilt && isTrailing(rebuilt)) trailing.rebuilt.push(rebuilt);
	}
	await compare(
		found,
		"trailing stop",
		trailingEntries(trading, trailing.live),
		trailingEntries(trading, trailing.rebuilt),
	);
	return { orders, unknown, holds };
}

async function* trailingEntries(trading: Snapshot, stops: readonly BookOrder[]): AsyncGenerator<Entry> {
	await followTrades(trading, stops);
	for (const { key, order } of stops) yield { key, facts: { best_ticks: order?.extremeTicks ?? null } };
}

/** Takes two streams of entries side by side; gives how many there were. */
async function compare(
	found: Comparison,
	what: string,
	live: AsyncGenerator<Entry>,
	rebuilt: AsyncGenerator<Entry>,
): Promise<number> {
	let count = 0;
	for await (const { key, left, right } of sideBySide(live, rebuilt)) {
		found.take(what, key, left, right);
		count += 1;
	}
	return count;
}
