import { v7 as newId } from "uuid";
import type { ExecutionReport, SubmitOrder } from "../../contracts/trading.ts";
import { batcher } from "../../lib/batch.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { refuse } from "../../lib/refuse.ts";
import { lockAccounts } from "./account.store.ts";
import { type Accounts, assertSolvent, feeAccountOf } from "./domain/accounts.ts";
import { addOrder, type Book, emptyBook, findOrder } from "./domain/book.ts";
import { close, closeUnknown, type Execution, submit } from "./domain/execute.ts";
import { type Market, toLots, toTicks } from "./domain/market.ts";
import { type ExecutionOrder, newOrder } from "./domain/order.ts";
import { ownersInReach } from "./domain/reach.ts";
import { knownOrders, loadCounters, loadWorkingOrders, saveExecution } from "./execution.store.ts";
import { fence, takeLease } from "./market.store.ts";
import { executionReported, reportOf, tradeExecuted } from "./trading.events.ts";

/** What is asked of a market: execute a new order, or end one. */
export interface MarketCommand {
	readonly kind: "submit" | "canceled" | "expired";
	readonly order: SubmitOrder;
	readonly origin: Origin;
}

/** What came of a command: a report, `known` for an order that had arrived or ended before, or whom to ask instead. */
export type Executed =
	| { readonly at: "here"; readonly report: ExecutionReport }
	| { readonly at: "known" }
	| { readonly at: "elsewhere"; readonly node: string };

/** The one writer of a market on this node. */
export interface MarketWriter {
	execute(command: MarketCommand): Promise<Executed>;
	/** Forgets the book: the next command takes the lease again and rebuilds it. */
	drop(): void;
	isOwner(): boolean;
	drained(): Promise<void>;
}

interface WriterOptions {
	readonly market: Market;
	readonly db: Db;
	readonly node: string;
	readonly instance: string;
	stage(tx: Tx, events: readonly Staged[]): Promise<void>;
}

/** The book as this node holds it: a cache of committed rows, worthless from a failed commit on. */
interface Owned {
	readonly epoch: string;
	readonly book: Book;
	tradeSeq: number;
	arrivalSeq: number;
	lastTicks: number | null;
	clean: boolean;
}

const MAX_BATCH = 256;
const MAX_QUEUE = 10_000;
/** A batch that lost a race for locks, or its lease, rebuilds the book and tries again this often. */
const MAX_ATTEMPTS = 3;

/** Says that the book is not what the database holds: the lease has gone, or a rolled-back run has changed it. */
const STALE_BOOK = new Error("the book is stale");

/** A writer that commits what arrives together as one batch, and owns the market by a lease in the database. */
export function marketWriter(options: WriterOptions): MarketWriter {
	const { market, db } = options;
	let owned: Owned | null = null;
	const batches = batcher<MarketCommand, Executed>({ maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, run });

	async function run(commands: readonly MarketCommand[]): Promise<Executed[]> {
		for (let attempt = 1; ; attempt++) {
			try {
				const ownership = owned ?? (await open());
				if ("elsewhere" in ownership) return commands.map(() => ({ at: "elsewhere", node: ownership.elsewhere }));
				owned = ownership;
				return await commit(ownership, commands);
			} catch (error) {
				owned = null;
				if (error !== STALE_BOOK) throw error;
				if (attempt === MAX_ATTEMPTS) throw refuse("SERVICE_UNAVAILABLE", `Market ${market.symbol} is changing hands`);
			}
		}
	}

	function open(): Promise<Owned | { readonly elsewhere: string }> {
		return db.transaction(async (tx) => {
			const lease = await takeLease(tx, market.symbol, options.node, options.instance);
			if (!lease.mine) return { elsewhere: lease.ownerNode };
			const book = emptyBook();
			await loadWorkingOrders(tx, market.symbol, (order) => addOrder(book, order));
			return { epoch: lease.epoch, book, ...(await loadCounters(tx, market)), clean: true };
		});
	}

	/** A run that the database rolled back has changed the book, so the next one must not build on it. */
	async function commit(state: Owned, commands: readonly MarketCommand[]): Promise<Executed[]> {
		const results = await db.transaction(async (tx) => {
			if (!state.clean) throw STALE_BOOK;
			const orders = commands.map((command) => executionOrderOf(market, command.order));
			const [now, known, accounts] = await Promise.all([
				fence(tx, market.symbol, state.epoch),
				knownOrders(
					tx,
					orders.map((order) => order.orderId),
				),
				lockAccounts(tx, ownersInReach(market, state.book, orders).add(feeAccountOf(market.symbol)), [
					market.baseAsset,
					market.quoteAsset,
				]),
			]);
			if (!now) throw STALE_BOOK;
			state.clean = false;
			const execution = executionOf(market, state, accounts, now);
			const { executed, events } = executeAll(execution, commands, orders, known, now);
			assertSolvent(accounts);
			await Promise.all([saveExecution(tx, execution, now), options.stage(tx, events)]);
			state.tradeSeq = execution.tradeSeq;
			state.arrivalSeq = execution.arrivalSeq;
			state.lastTicks = execution.lastTicks;
			return executed;
		});
		state.clean = true;
		return results;
	}

	return {
		async execute(command) {
			// One that is off the grid must not take a batch of others with it.
			executionOrderOf(market, command.order);
			return batches.add(command);
		},
		drop: () => void (owned = null),
		isOwner: () => owned !== null,
		drained: () => batches.drained(),
	};
}

/** The order as the engine sees it; throws on a price or quantity off the grid, which the edge has refused before. */
export function executionOrderOf(market: Market, order: SubmitOrder): ExecutionOrder {
	const terms = {
		orderId: order.order_id,
		userId: order.user_id,
		side: order.side,
		orderType: order.order_type,
		timeInForce: order.time_in_force,
		priceTicks: order.price === null ? null : toTicks(market, order.price),
		notional: null,
		trailTicks: null,
		trailBps: null,
		postOnly: false,
		reduceOnly: false,
		displayLots: null,
		selfTradePrevention: "expire_taker",
		expiresAtMs: null,
		replaces: null,
	} as const;
	return newOrder(terms, toLots(market, order.quantity), null);
}

function executionOf(market: Market, state: Owned, accounts: Accounts, now: Date): Execution {
	const { book, tradeSeq, arrivalSeq, lastTicks } = state;
	return {
		market,
		book,
		accounts,
		newId,
		nowMs: now.getTime(),
		bandBps: null,
		lastTicks,
		tradeSeq,
		arrivalSeq,
		trades: [],
		reports: [],
		changed: new Map(),
	};
}

function executeAll(
	execution: Execution,
	commands: readonly MarketCommand[],
	orders: readonly ExecutionOrder[],
	known: Set<string>,
	now: Date,
): { executed: Executed[]; events: Staged[] } {
	const { market } = execution;
	const events: Staged[] = [];
	const executed = commands.map((command, i): Executed => {
		const order = orders[i] as ExecutionOrder;
		const [reportsBefore, tradesBefore] = [execution.reports.length, execution.trades.length];
		if (!executeOne(execution, command, order, known)) return { at: "known" };
		known.add(order.orderId);
		const reports = execution.reports.slice(reportsBefore).map((report) => reportOf(market, report, now));
		events.push(...reports.map((report) => executionReported(report, command.origin)));
		for (const trade of execution.trades.slice(tradesBefore))
			events.push(tradeExecuted(market, trade, now, command.origin));
		return { at: "here", report: reports.at(-1) as ExecutionReport };
	});
	return { executed, events };
}

/** Whether the command had something to do; the last report it made is then that of its own order. */
function executeOne(
	execution: Execution,
	command: MarketCommand,
	order: ExecutionOrder,
	known: ReadonlySet<string>,
): boolean {
	if (command.kind !== "submit" && findOrder(execution.book, order.orderId))
		close(execution, order.orderId, command.kind);
	else if (known.has(order.orderId)) return false;
	else if (command.kind === "submit") submit(execution, order);
	else closeUnknown(execution, order, command.kind);
	return true;
}
