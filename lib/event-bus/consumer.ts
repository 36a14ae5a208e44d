import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../db.ts";
import { failpoint } from "../failpoint.ts";
import { LOCKS } from "../locks.ts";
import { refuse } from "../refuse.ts";
import { type Delivery, type Fate, findBlocked, haveManyFailed, setAside } from "./deliveries.ts";
import { afterFailure, FIRST_RETRY_MS, isTemporary, MAX_ATTEMPTS, tooEarly } from "./failures.ts";
import { takeOver } from "./inbox.ts";
import { lead } from "./leader.ts";
import { type Predecessors, watchPredecessors } from "./predecessors.ts";
import { startRetries } from "./retries.ts";
import type { BusLogger, Consumption, Transport } from "./transport.ts";

export { isTooEarly, tooEarly } from "./failures.ts";

type Handler = (tx: Tx, events: readonly Envelope[]) => Promise<void> | void;

interface ConsumerOptions {
	readonly name: string;
	readonly db: Db;
	readonly transport: Transport;
	/** By event type; `*` takes every type that has no handler of its own. */
	readonly handlers: Readonly<Record<string, Handler>>;
	/** False for handlers that change nothing when an event comes again: they need no inbox rows. */
	readonly keepsInbox?: boolean;
	/** The table that then has a row for each event that was handled, but those of the types `except`. */
	readonly recordedIn?: string | undefined;
	readonly except?: readonly string[];
	readonly firstRetryMs?: number;
	readonly logger: BusLogger;
}

export interface Consumer extends Consumption {
	/** How old the last event was when it was handled; null before the first. */
	delayMs(): number | null;
	/** Handles those of `events` that it has missed, or with `again` all of them, as if they came from the transport. */
	take(events: readonly Envelope[], again: boolean): Promise<void>;
}

/** How a consumer handles events, the first time and later. */
export interface Handling {
	readonly name: string;
	readonly db: Db;
	/** Calls the handlers. */
	run(tx: Tx, events: readonly Envelope[]): Promise<void>;
	readonly predecessors: Predecessors | null;
	/** Decides, and reports, what becomes of an event that could not be handled. */
	fail(event: Envelope, error: unknown, attempts: number, ageMs: number): Fate;
	readonly logger: BusLogger;
}

/**
 * When the events of so many aggregates fail, something is wrong with all of them: the transport keeps the rest. What
 * waits behind a failing event does not count: however busy its aggregate is, others are not held up.
 */
const MAX_FAILING_AGGREGATES = 10_000;

/**
 * Takes the events of `transport` for the service `name`. Effects and inbox rows commit together, so a repeated event
 * changes nothing. An event that cannot be handled is set aside and tried again; later ones of its aggregate wait
 * behind it, all others go on.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
	const { name, db, handlers, logger, keepsInbox = true, firstRetryMs = FIRST_RETRY_MS } = options;
	const handling: Handling = {
		name,
		db,
		logger,
		predecessors: predecessorsOf(options),
		run: (tx, events) => runHandlers(handlers, tx, events),
		fail(event, error, attempts, ageMs) {
			const fate = afterFailure(error, attempts, ageMs, firstRetryMs);
			const what = `'${name}' failed to handle ${event.type} ${event.event_id}`;
			const fields = { request_id: event.correlation_id };
			if (fate.state === "dead") logger.error(`${what} and takes it for a dead letter`, fields, error);
			if (fate.state === "retrying") logger.warn(`${what}, try ${fate.attempts} of ${MAX_ATTEMPTS}`, fields, error);
			return fate;
		},
	};
	const takeIn = keepsInbox ? takeOver : takeAll;
	let delayMs: number | null = null;
	const consumption = options.transport.consume({
		name,
		types: Object.keys(handlers),
		async handle(events) {
			await handle(handling, takeIn, events);
			const last = events.at(-1);
			if (last) delayMs = Math.max(0, Date.now() - Date.parse(last.timestamp));
		},
		exclusively: (work, signal) => lead(db, LOCKS.consumer, work, signal),
	});
	const retries = startRetries(handling);
	return {
		places: consumption.places,
		waiting: consumption.waiting,
		delayMs: () => delayMs,
		take: (events, again) => handle(handling, again && keepsInbox ? takeAgain : takeIn, events),
		async stop() {
			await Promise.all([consumption.stop(), retries.stop()]);
		},
	};
}

type TakeIn = (tx: Tx, events: readonly Envelope[]) => Promise<readonly Envelope[]>;

/** Handles `events` or sets them aside; rejects when they must come again. */
async function handle(handling: Handling, takeIn: TakeIn, events: readonly Envelope[]): Promise<void> {
	try {
		await handleTogether(handling, takeIn, events);
	} catch (error) {
		const [event] = events;
		if (!event || isTemporary(error)) throw error;
		if (events.length === 1) return giveWay(handling, takeIn, event, error);
		// Halving finds the culprits in few transactions, and keeps the order.
		const half = events.length >> 1;
		await handle(handling, takeIn, events.slice(0, half));
		await handle(handling, takeIn, events.slice(half));
	}
}

function handleTogether(
	{ db, run, predecessors }: Handling,
	takeIn: TakeIn,
	events: readonly Envelope[],
): Promise<void> {
	return db.transaction(async (tx) => {
		const [fresh, waiting] = await Promise.all([takeIn(tx, events), findBlocked(tx, events)]);
		const early = withFollowers(fresh, await predecessors?.missed(tx, fresh));
		const blocked = fresh.filter((event) => waiting.has(event) || early.has(event));
		if (blocked.length > 0) setAside(tx, blocked.map(behind));
		const free = fresh.filter((event) => !waiting.has(event) && !early.has(event));
		if (free.length > 0) await run(tx, free);
		failpoint("consumer.before_commit");
		tx.afterCommit(() => {
			predecessors?.note(events);
			failpoint("consumer.after_commit");
		});
	});
}

/** `early` and those of `events` that follow one of them in its aggregate. */
function withFollowers(events: readonly Envelope[], early: ReadonlySet<Envelope> = new Set()): ReadonlySet<Envelope> {
	const heads = new Map<string, number>();
	for (const { aggregate_id, aggregate_seq } of early) {
		heads.set(aggregate_id, Math.min(aggregate_seq, heads.get(aggregate_id) ?? aggregate_seq));
	}
	return new Set(events.filter((event) => event.aggregate_seq >= (heads.get(event.aggregate_id) ?? Infinity)));
}

/** None where nothing says what was taken over. */
function predecessorsOf({
	handlers,
	keepsInbox = true,
	recordedIn,
	except = [],
}: ConsumerOptions): Predecessors | null {
	const table = keepsInbox ? "inbox" : recordedIn;
	const handles = (type: string) => (type in handlers || "*" in handlers) && !except.includes(type);
	return table === undefined ? null : watchPredecessors(table, handles);
}

async function takeAll(_tx: Tx, events: readonly Envelope[]): Promise<readonly Envelope[]> {
	return events;
}

async function takeAgain(tx: Tx, events: readonly Envelope[]): Promise<readonly Envelope[]> {
	await takeOver(tx, events);
	return events;
}

/**
 * Calls the handlers, in order, with runs of events that go to the same one. What a newer version of the service has
 * set aside may have no handler here: it waits for a node that has one.
 */
async function runHandlers(
	handlers: Readonly<Record<string, Handler>>,
	tx: Tx,
	events: readonly Envelope[],
): Promise<void> {
	const handlerOf = ({ type }: Envelope) => {
		const handler = handlers[type] ?? handlers["*"];
		if (!handler) throw tooEarly(`This version does not handle '${type}'`);
		return handler;
	};
	const handlerOfEach = events.map(handlerOf);
	for (let start = 0, end = 0; start < events.length; start = end) {
		const handler = handlerOfEach[start];
		while (end < events.length && handlerOfEach[end] === handler) end++;
		await handler?.(tx, events.slice(start, end));
	}
}

async function giveWay(handling: Handling, takeIn: TakeIn, event: Envelope, error: unknown): Promise<void> {
	const fate = handling.fail(event, error, 0, 0);
	await handling.db.transaction(async (tx) => {
		if ((await takeIn(tx, [event])).length === 0) return;
		if (await haveManyFailed(tx, MAX_FAILING_AGGREGATES))
			throw refuse("CAPACITY_EXCEEDED", `Too many events of '${handling.name}' wait to be tried again`);
		setAside(tx, [{ event, ...fate }]);
	});
}

function behind(event: Envelope): Delivery {
	return { event, state: "parked", attempts: 0, lastError: null, delayMs: 0 };
}
