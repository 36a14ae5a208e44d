import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { batcher } from "../../lib/batch.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { newId } from "../../lib/id.ts";
import type { Metrics } from "../../lib/metrics/registry.ts";
import { refuse } from "../../lib/refuse.ts";
import { lockAccounts } from "./account.store.ts";
import { loadBook } from "./book-loader.ts";
import { assertSolvent, feeAccountOf } from "./domain/accounts.ts";
import type { Book } from "./domain/book.ts";
import { beginExecution } from "./domain/execution.ts";
import type { Market } from "./domain/market.ts";
import { positionsAfter } from "./domain/positions.ts";
import { ownersInReach } from "./domain/reach.ts";
import { knownOrders, loadCounters, saveExecution } from "./execution.store.ts";
import { fence, LEASE_MS, renewLeases, takeLease } from "./market.store.ts";
import { type Executed, executeAll, type MarketCommand, ordersOf } from "./market-batch.ts";
import { readPositions, savePositions } from "./position.store.ts";

/** The one writer of a market on this node. */
export interface MarketWriter {
	/** Takes the market over, if nobody else has it, and has its book ready. */
	open(): Promise<void>;
	execute(command: MarketCommand): Promise<Executed>;
	/**
	 * What `look` sees of the committed book, which it must not change; null when this node does not have the market,
	 * cannot be sure that it still has, or has a commit under way that takes its time.
	 */
	view<Seen>(look: (state: Committed) => Seen): Promise<Seen | null>;
	/** Is told that the lease was renewed by a statement that was sent at `sentAt`, by `performance.now()`. */
	renewed(sentAt: number): void;
	/** Forgets the book and never takes the market again. */
	retire(): void;
	/** Forgets the book: the next command takes the lease again and rebuilds it. */
	drop(): void;
	isOwner(): boolean;
	/** The lease and how many orders rest on each side; null when this node does not have the market. */
	standing(): { readonly epoch: string; readonly buy: number; readonly sell: number } | null;
	drained(): Promise<void>;
}

interface WriterOptions {
	readonly market: Market;
	readonly db: Db;
	readonly node: string;
	readonly instance: string;
	readonly logger: ServiceBroker["logger"];
	readonly metrics: Metrics | null;
	/** The price band in force; null for none. */
	bandBps(): Promise<number | null>;
	stage(tx: Tx, events: readonly Staged[]): void;
}

/** A book as its last commit has left it, and the last numbers it gave. */
export interface Committed {
	readonly book: Book;
	/** Grows with every change of the book. */
	readonly bookSeq: number;
	readonly tradeSeq: number;
	readonly arrivalSeq: number;
	/** The price of the last trade; null before the first. */
	readonly lastTicks: number | null;
}

/** The book as this node holds it: a cache of committed rows, worthless from a failed commit on. */
interface Owned extends Committed {
	readonly epoch: string;
	/** Nobody else has the market until then: by `performance.now()`, which goes on while this process is stopped. */
	heldUntil: number;
	bookSeq: number;
	tradeSeq: number;
	arrivalSeq: number;
	lastTicks: number | null;
	/** False from a change on until it is committed. */
	clean: boolean;
}

type Ownership = Owned | { readonly elsewhere: string };

const MAX_BATCH = 256;
const MAX_QUEUE = 10_000;
/** A batch that lost a race for locks, or its lease, rebuilds the book and tries again this often. */
const MAX_ATTEMPTS = 3;
/** Many times what a commit takes: whoever wants to see the book then reads it from the database. */
const VIEW_PATIENCE_MS = 250;

/** Says that the book is not what the database holds: the lease has gone, or a rolled-back run has changed it. */
const STALE_BOOK = new Error("the book is stale");

/** A writer that commits what arrives together as one batch, and owns the market by a lease in the database. */
export function marketWriter(options: WriterOptions): MarketWriter {
	const { market, db } = options;
	let owned: Owned | null = null;
	let opening: Promise<Ownership> | null = null;
	let retired = false;
	/** Resolves when the run under way is over, or the next one. */
	let over = Promise.withResolvers<void>();
	const batches = batcher<MarketCommand, Executed>({ maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, run });

	async function run(commands: readonly MarketCommand[]): Promise<Executed[]> {
		for (let attempt = 1; ; attempt++) {
			try {
				const ownership = await own();
				if ("elsewhere" in ownership) return commands.map(() => ({ at: "elsewhere", node: ownership.elsewhere }));
				return await commit(ownership, commands);
			} catch (error) {
				// One that nobody has begun to change is still what the database holds, if the next fence says so.
				if (error === STALE_BOOK || !owned?.clean) owned = null;
				if (error !== STALE_BOOK) throw error;
				if (attempt === MAX_ATTEMPTS) throw refuse("SERVICE_UNAVAILABLE", `Market ${market.symbol} is changing hands`);
			} finally {
				over.resolve();
				over = Promise.withResolvers();
			}
		}
	}

	/** The book, if this node has the market or gets it now. */
	async function own(): Promise<Ownership> {
		if (owned) return owned;
		if (!retired) opening ??= takeOver().finally(() => (opening = null));
		const ownership = await opening;
		if (!ownership || retired) throw refuse("SERVICE_UNAVAILABLE", `Market ${market.symbol} is changing hands`);
		if (!("elsewhere" in ownership)) owned = ownership;
		return ownership;
	}

	/** From the lease on nobody else can change the book, so its pages need not be of one moment. */
	async function takeOver(): Promise<Ownership> {
		const heldUntil = performance.now() + LEASE_MS;
		const lease = await db.transaction((tx) => takeLease(tx, market.symbol, options.node, options.instance));
		if (!lease.mine) return { elsewhere: lease.ownerNode };
		const book = await loadBook(db, market, { keepLease, logger: options.logger });
		const counters = await db.transaction((tx) => loadCounters(tx, market));
		return { epoch: lease.epoch, heldUntil, book, bookSeq: lease.bookSeq, ...counters, clean: true };
	}

	async function keepLease(): Promise<void> {
		const kept = await db.transaction((tx) => renewLeases(tx, options.instance, [market.symbol]));
		if (kept.length === 0) throw STALE_BOOK;
	}

	/** A run that the database rolled back has changed the book, so the next one must not build on it. */
	async function commit(state: Owned, commands: readonly MarketCommand[]): Promise<Executed[]> {
		// What only ends orders trades nothing.
		const bandBps = commands.some(({ kind }) => kind === "submit") ? await options.bandBps() : null;
		const heldUntil = performance.now() + LEASE_MS;
		const { executed, trades } = await db.transaction(async (tx) => {
			if (!state.clean) throw STALE_BOOK;
			const ordered = commands.map((command) => ordersOf(market, command));
			const orders = ordered.flat();
			const owners = ownersInReach(market, state.book, orders);
			const [fenced, known, positions, accounts] = await Promise.all([
				fence(tx, market.symbol, state.epoch),
				knownOrders(
					tx,
					orders.map((order) => order.orderId),
				),
				readPositions(tx, market.symbol, owners),
				lockAccounts(tx, [...owners, feeAccountOf(market.symbol)], [market.baseAsset, market.quoteAsset]),
			]);
			if (!fenced) throw STALE_BOOK;
			const { now } = fenced;
			state.clean = false;
			const { book, tradeSeq, arrivalSeq, lastTicks } = state;
			const counters = { tradeSeq, arrivalSeq, lastTicks };
			const execution = beginExecution({ market, book, accounts, newId, nowMs: now.getTime(), bandBps, ...counters });
			const { executed: results, events } = executeAll(execution, commands, ordered, known, now);
			assertSolvent(accounts);
			saveExecution(tx, execution, now);
			savePositions(tx, market.symbol, positionsAfter(market, positions, execution.trades), now);
			options.stage(tx, events);
			state.bookSeq = fenced.bookSeq;
			state.tradeSeq = execution.tradeSeq;
			state.arrivalSeq = execution.arrivalSeq;
			state.lastTicks = execution.lastTicks;
			failpoint("trading.before_commit");
			return { executed: results, trades: execution.trades.length };
		});
		failpoint("trading.after_commit");
		state.heldUntil = heldUntil;
		state.clean = true;
		if (trades > 0) options.metrics?.increment("trades_total", { symbol: market.symbol }, trades);
		return executed;
	}

	return {
		open: async () => void (await own()),
		async execute(command) {
			// One that is off the grid, or for which nobody knows the band, must not take a batch of others with it.
			ordersOf(market, command);
			if (command.kind === "submit") await options.bandBps();
			return batches.add(command);
		},
		async view(look) {
			if (owned && !owned.clean) await Promise.race([over.promise, delay(VIEW_PATIENCE_MS, undefined, { ref: false })]);
			return owned?.clean && performance.now() < owned.heldUntil ? look(owned) : null;
		},
		renewed(sentAt) {
			if (owned) owned.heldUntil = Math.max(owned.heldUntil, sentAt + LEASE_MS);
		},
		retire() {
			retired = true;
			owned = null;
		},
		drop: () => void (owned = null),
		isOwner: () => owned !== null,
		standing: () => owned && { epoch: owned.epoch, buy: owned.book.buy.orders, sell: owned.book.sell.orders },
		drained: () => batches.drained(),
	};
}
