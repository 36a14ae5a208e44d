import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../db.ts";
import { isRefusal, refuse } from "../refuse.ts";
import {
	countLive,
	type Delivery,
	dueAggregates,
	findBlocked,
	type KeptDelivery,
	postpone,
	readDue,
	setAside,
	settle,
} from "./deliveries.ts";
import { CONSUMER_LOCK, lead, pause, RETRY_LOCK, tryLock } from "./leader.ts";
import { type BusLogger, backoffMs, type Consumption, type Transport } from "./transport.ts";

type Handler = (tx: Tx, events: readonly Envelope[]) => Promise<void>;

interface ConsumerOptions {
	readonly name: string;
	readonly db: Db;
	readonly transport: Transport;
	/** By event type; `*` takes every type that has no handler of its own. */
	readonly handlers: Readonly<Record<string, Handler>>;
	/** False for handlers that change nothing when an event comes again: they need no inbox rows. */
	readonly inbox?: boolean;
	readonly firstRetryMs?: number;
	readonly logger: BusLogger;
}

/** A poison event is tried so often before it goes to the dead letters, and those behind it go on. */
const MAX_ATTEMPTS = 5;
/** The tries come 0.2, 0.8, 3.2 and 12.8 s after the one before. */
const FIRST_RETRY_MS = 200;
const RETRY_FACTOR = 4;
/** An event that came before its predecessor waits so long for it before its tries are counted. */
const PATIENCE_MS = 60_000;
const MIN_PARKED_MS = 50;
const MAX_PARKED_MS = 5_000;
const RETRY_POLL_MS = 200;
const MAX_AGGREGATES_PER_POLL = 100;
const MAX_CHAIN = 500;
/** When so many events wait to be tried again, something is wrong with all of them: the transport keeps the rest. */
const MAX_WAITING = 10_000;

const earlyErrors = new WeakSet<Error>();

/** What a handler throws for an event whose predecessor it has not seen: the event waits, and no try is counted. */
export function tooEarly(message: string): Error {
	const error = new Error(message);
	earlyErrors.add(error);
	return error;
}

/** Whether `error` is one of `tooEarly`. */
export function isTooEarly(error: unknown): boolean {
	return error instanceof Error && earlyErrors.has(error);
}

/**
 * Takes the events of `transport` for the service `name`. Effects and inbox rows commit together, so a repeated event
 * changes nothing. An event that cannot be handled is set aside and tried again; later ones of its aggregate wait
 * behind it, all others go on.
 */
export function startConsumer(options: ConsumerOptions): Consumption {
	const { name, db, handlers, logger, inbox = true, firstRetryMs = FIRST_RETRY_MS } = options;
	const stopping = new AbortController();

	async function handle(events: readonly Envelope[]): Promise<void> {
		try {
			await handleTogether(events);
		} catch (error) {
			if (isTemporary(error)) throw error;
			// Halving finds the culprits in few transactions, and keeps the order.
			if (events.length === 1) return giveWay(events[0] as Envelope, error);
			const half = events.length >> 1;
			await handle(events.slice(0, half));
			await handle(events.slice(half));
		}
	}

	function handleTogether(events: readonly Envelope[]): Promise<void> {
		return db.transaction(async (tx) => {
			const fresh = await takeIn(tx, events);
			if (fresh.length === 0) return;
			const blocked = await findBlocked(tx, fresh);
			if (blocked.size > 0) await keep(tx, [...blocked].map(parked));
			await run(
				tx,
				fresh.filter((event) => !blocked.has(event)),
			);
		});
	}

	/** Those of `events` that have not been taken over before. */
	async function takeIn(tx: Tx, events: readonly Envelope[]): Promise<readonly Envelope[]> {
		if (!inbox) return events;
		const rows = await tx.query<{ event_id: string }>(
			"INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id",
			[events.map((event) => event.event_id)],
		);
		const fresh = new Set(rows.map((row) => row.event_id));
		return events.filter((event) => fresh.delete(event.event_id));
	}

	/** Calls the handlers, in order, with runs of events that go to the same one. */
	async function run(tx: Tx, events: readonly Envelope[]): Promise<void> {
		const handlerOf = (event?: Envelope) => event && (handlers[event.type] ?? handlers["*"]);
		for (let start = 0, end = 0; start < events.length; start = end) {
			const handler = handlerOf(events[start]);
			while (end < events.length && handlerOf(events[end]) === handler) end++;
			await handler?.(tx, events.slice(start, end));
		}
	}

	async function giveWay(event: Envelope, error: unknown): Promise<void> {
		const next = afterFailure(event, error, 0, 0);
		await db.transaction(async (tx) => {
			const fresh = await takeIn(tx, [event]);
			await keep(
				tx,
				fresh.map(() => ({ event, ...next })),
			);
		});
	}

	async function keep(tx: Tx, deliveries: readonly Delivery[]): Promise<void> {
		if ((await countLive(tx, MAX_WAITING)) >= MAX_WAITING) {
			throw refuse("CAPACITY_EXCEEDED", `Too many events of '${name}' wait to be tried again`);
		}
		await setAside(tx, deliveries);
	}

	function afterFailure(event: Envelope, error: unknown, attempts: number, ageMs: number): Omit<Delivery, "event"> {
		const lastError = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
		if (isTooEarly(error) && ageMs < PATIENCE_MS) {
			const delayMs = Math.round(Math.min(Math.max(ageMs / 4, MIN_PARKED_MS), MAX_PARKED_MS));
			return { state: "parked", attempts, lastError, delayMs };
		}
		const tries = attempts + 1;
		const subject = `'${name}' failed to handle ${event.type} ${event.event_id}, try ${tries} of ${MAX_ATTEMPTS}`;
		if (tries >= MAX_ATTEMPTS) {
			logger.error(`${subject}: it is now a dead letter`, error);
			return { state: "dead", attempts: tries, lastError, delayMs: 0 };
		}
		logger.warn(subject, error);
		return { state: "retrying", attempts: tries, lastError, delayMs: firstRetryMs * RETRY_FACTOR ** attempts };
	}

	/** Tries the waiting events of an aggregate, all together or else the first alone. */
	async function retry(aggregateId: string, limit = MAX_CHAIN): Promise<void> {
		let chain: readonly KeptDelivery[] = [];
		try {
			await db.transaction(async (tx) => {
				chain = (await tryLock(tx, RETRY_LOCK)) ? await readDue(tx, aggregateId, limit) : [];
				await run(
					tx,
					chain.map(({ event }) => event),
				);
				await settle(tx, chain);
			});
		} catch (error) {
			const [head] = chain;
			if (!head || isTemporary(error)) throw error;
			if (chain.length > 1) return retry(aggregateId, 1);
			const next = afterFailure(head.event, error, head.attempts, head.ageMs);
			await db.transaction((tx) => postpone(tx, head, next));
		}
	}

	async function retryAll(): Promise<void> {
		for (let failures = 0; !stopping.signal.aborted; ) {
			await pause(RETRY_POLL_MS + (failures && backoffMs(failures)), stopping.signal);
			try {
				for (const aggregateId of await dueAggregates(db, MAX_AGGREGATES_PER_POLL)) {
					if (!stopping.signal.aborted) await retry(aggregateId);
				}
				failures = 0;
			} catch (error) {
				failures += 1;
				if (failures === 1) logger.warn(`'${name}' cannot try its waiting events`, error);
			}
		}
	}

	const consumption = options.transport.consume({
		name,
		types: Object.keys(handlers),
		handle,
		exclusively: (work, signal) => lead(db, CONSUMER_LOCK, work, signal),
	});
	const retrying = retryAll();
	return {
		async stop() {
			stopping.abort();
			await Promise.all([consumption.stop(), retrying]);
		},
	};
}

/** Whether the failure is none of the event's: it comes again with all others, and no try is counted. */
function isTemporary(error: unknown): boolean {
	return isRefusal(error, "SERVICE_UNAVAILABLE") || isRefusal(error, "CAPACITY_EXCEEDED");
}

function parked(event: Envelope): Delivery {
	return { event, state: "parked", attempts: 0, lastError: null, delayMs: 0 };
}
