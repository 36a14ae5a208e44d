import type { Envelope } from "../../../contracts/events.ts";
import type { Db, Tx } from "../../../lib/db.ts";
import { type Consumer, startConsumer } from "../../../lib/event-bus/consumer.ts";
import { outboxBacklog, type Staged, stage } from "../../../lib/event-bus/outbox.ts";
import { type Relay, startRelay } from "../../../lib/event-bus/relay.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";
import type { Transport } from "../../../lib/event-bus/transport.ts";
import { createDatabase, type TestDatabase } from "../../support/databases.ts";
import { until } from "../../support/until.ts";

/** Short enough for a test to wait out all tries of a poison event. */
const SHORT_RETRY_MS = 5;
/** Short enough for a test to see the floor move. */
const SHORT_FLOOR_MS = 50;
const MAX_REPEATS = 5;

type Handle = (tx: Tx, events: readonly Envelope[]) => Promise<void>;

/** A service that tells events. */
export interface Source {
	readonly db: Db;
	/**
	 * Tells `count` further events of each aggregate, in one transaction, the aggregates taking turns; `text` is part of
	 * their data.
	 */
	tell(aggregates: readonly string[], count?: number, type?: Staged["type"], text?: string): Promise<void>;
	/** A relay, as one more node of the service would run it; its events are for those at the places `audience`. */
	startRelay(transport: Transport, audience?: readonly string[]): Relay;
	/** Breaks the connections of relays that are at work. */
	endRelays(): Promise<unknown>;
	published(): Promise<boolean>;
	/** How many of its events, from the first on, are known to be handled by everybody. */
	floor(): Promise<number>;
}

interface SinkOptions {
	readonly types?: readonly string[];
	/** Done before the events are written down. */
	readonly handle?: Handle;
	readonly firstRetryMs?: number;
}

/** A service that writes down what it handles. */
export interface Sink {
	readonly db: Db;
	readonly database: TestDatabase;
	start(transport: Transport, options?: SinkOptions): Consumer;
	/** What it has handled, in order, as `aggregate:sequence`. */
	seen(): Promise<readonly string[]>;
	has(count: number, timeoutMs?: number): Promise<void>;
	deliveries(): Promise<readonly { readonly key: string; readonly state: string; readonly attempts: number }[]>;
}

const cleanups: (() => Promise<unknown>)[] = [];

/** Has `work` done when the test is over, the last given first. */
export function atTheEnd(work: () => Promise<unknown>): void {
	cleanups.push(work);
}

/** Does what tests have left to do. */
export async function cleanUp(): Promise<void> {
	for (const work of cleanups.splice(0).reverse()) await work();
}

export const quiet = { warn: () => {}, error: () => {} };

/** A source `orders` on a database of its own. */
export async function newSource(): Promise<Source> {
	const { db, drop } = await createDatabase();
	atTheEnd(drop);
	await db.transaction(createOutbox);
	const told = new Map<string, number>();
	const relays: Relay[] = [];
	return {
		db,
		async tell(aggregates, count = 1, type = "orders.created", text = "") {
			const events = Array.from({ length: count }, () =>
				aggregates.map((id) => {
					const sequence = (told.get(id) ?? 0) + 1;
					told.set(id, sequence);
					return {
						type,
						aggregate_id: id,
						aggregate_seq: sequence,
						data: { n: sequence, text },
						correlation_id: "c",
						actor: null,
					};
				}),
			).flat();
			await db.transaction(async (tx) => {
				stage(tx, "orders", events as unknown as Staged[]);
				tx.afterCommit(() => relays.forEach((relay) => relay.kick()));
			});
		},
		startRelay(transport, audience = []) {
			const relay = startRelay({
				db,
				source: "orders",
				transport,
				audience,
				floorEveryMs: SHORT_FLOOR_MS,
				logger: quiet,
			});
			relays.push(relay);
			atTheEnd(() => relay.stop());
			return relay;
		},
		endRelays: () =>
			db.query(
				`SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
				WHERE locktype = 'advisory' AND datname = current_database()`,
			),
		published: async () => (await outboxBacklog(db)).unpublished === 0,
		async floor() {
			const [row] = await db.query<{ position: string | null }>("SELECT position FROM outbox_floor");
			return Number(row?.position ?? 0);
		},
	};
}

/** A sink on a database of its own. */
export async function newSink(name: string): Promise<Sink> {
	const database = await createDatabase();
	const { db } = database;
	atTheEnd(() => database.drop());
	await db.transaction(createInbox);
	await db.query("CREATE TABLE seen (position bigserial, event_id uuid UNIQUE, key text)");
	const seen = async () =>
		(await db.query<{ key: string }>("SELECT key FROM seen ORDER BY position")).map((row) => row.key);
	return {
		db,
		database,
		start(transport, options = {}) {
			const { types = ["orders.created", "orders.executed"], handle, firstRetryMs = SHORT_RETRY_MS } = options;
			const handler: Handle = async (tx, events) => {
				await handle?.(tx, events);
				await tx.query("INSERT INTO seen (event_id, key) SELECT unnest($1::uuid[]), unnest($2::text[])", [
					events.map((event) => event.event_id),
					events.map(keyOf),
				]);
			};
			const handlers = Object.fromEntries(types.map((type) => [type, handler]));
			const consumption = startConsumer({ name, db, transport, handlers, firstRetryMs, logger: quiet });
			atTheEnd(() => consumption.stop());
			return consumption;
		},
		seen,
		has: (count, timeoutMs) => until(async () => (await seen()).length === count, timeoutMs),
		deliveries: () =>
			db.query(
				"SELECT aggregate_id || ':' || aggregate_seq AS key, state, attempts FROM deliveries ORDER BY created_at",
			),
	};
}

/** An event's name in these tests. */
export function keyOf(event: Envelope): string {
	return `${event.aggregate_id}:${event.aggregate_seq}`;
}

/** The keys of `aggregate` among `keys`, in their order. */
export function onlyOf(aggregate: string, keys: readonly string[]): readonly string[] {
	return keys.filter((key) => key.startsWith(`${aggregate}:`));
}

/** `aggregate:1` to `aggregate:count`. */
export function inOrder(aggregate: string, count: number): readonly string[] {
	return Array.from({ length: count }, (_, i) => `${aggregate}:${i + 1}`);
}

/** `transport` that hands over each event up to five times, in pieces and in any order. */
export function unruly(transport: Transport): Transport {
	return {
		...transport,
		consume: (subscription) =>
			transport.consume({
				...subscription,
				async handle(events) {
					const pile = events.flatMap((event) =>
						Array<Envelope>(1 + Math.floor(Math.random() * MAX_REPEATS)).fill(event),
					);
					pile.sort(() => Math.random() - 0.5);
					while (pile.length > 0) await subscription.handle(pile.splice(0, 1 + Math.floor(Math.random() * 20)));
				},
			}),
	};
}
