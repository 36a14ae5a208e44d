import { randomUUID } from "node:crypto";
import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { startConsumer } from "../../lib/event-bus/consumer.ts";
import { stage } from "../../lib/event-bus/outbox.ts";
import { startRelay } from "../../lib/event-bus/relay.ts";
import { createInbox, createOutbox } from "../../lib/event-bus/schema.ts";
import { EVERY_SOURCE, placeOf } from "../../lib/event-bus/sources.ts";
import type { BusLogger, Transport } from "../../lib/event-bus/transport.ts";
import type { StatefulService } from "../../lib/topology.ts";
import { record } from "../../services/events/events.store.ts";
import { createDatabase } from "../../test/support/databases.ts";
import { until } from "../../test/support/until.ts";
import { batches } from "./events.ts";

type Handler = (tx: Tx, events: readonly Envelope[]) => Promise<void> | void;

/** What takes events in: a database, the table in it that must have each event once, and what writes it. */
interface Sink {
	readonly name: string;
	readonly db: Db;
	readonly table: string;
	readonly inbox: boolean;
	readonly handler: Handler;
}

const SOURCE = "orders";
/** Slower than this, something is wrong. */
const MIN_EVENTS_PER_S = 100;

/** Nothing is to go wrong: what does is told. */
export const logger: BusLogger = { warn: console.error, error: console.error };

/** Events/s of plain multi-row inserts into one table, a batch a commit: what the database gives without a bus. */
export async function measureInserts(count: number): Promise<number> {
	return withDatabase(undefined, async (db) => {
		await db.query(`CREATE TABLE plain (event_id uuid PRIMARY KEY, type text NOT NULL, aggregate_id text NOT NULL,
			aggregate_seq bigint NOT NULL, data json NOT NULL, correlation_id text NOT NULL, actor json)`);
		const startedAt = performance.now();
		for (const events of batches(count)) {
			await db.transaction((tx) =>
				tx.query(
					`INSERT INTO plain SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::json[],
						$6::text[], $7::json[])`,
					[
						events.map(() => randomUUID()),
						events.map((event) => event.type),
						events.map((event) => event.aggregate_id),
						events.map((event) => event.aggregate_seq),
						events.map((event) => JSON.stringify(event.data)),
						events.map((event) => event.correlation_id),
						events.map((event) => JSON.stringify(event.actor)),
					],
				),
			);
		}
		const seconds = secondsSince(startedAt);
		await expectRows(db, "plain", count);
		return count / seconds;
	});
}

/** Events/s from a full outbox until the history and every consumer has committed the last. Closes `transport`. */
export function measureBus(count: number, transport: Transport): Promise<number> {
	return withDatabase(undefined, (source) =>
		withDatabase("events", (history) =>
			withDatabase(undefined, (one) =>
				withDatabase(undefined, async (two) => {
					await fillOutbox(source, count);
					const consumers = await Promise.all([one, two].map(makeConsumer));
					const recorder = { name: "events", db: history, table: "events", inbox: false, handler: record };
					return run(count, transport, source, [recorder, ...consumers]);
				}),
			),
		),
	);
}

async function fillOutbox(db: Db, count: number): Promise<void> {
	await db.transaction(createOutbox);
	for (const events of batches(count)) await db.transaction((tx) => stage(tx, SOURCE, events));
}

async function makeConsumer(db: Db, index: number): Promise<Sink> {
	await db.transaction(createInbox);
	await db.query("CREATE TABLE effects (event_id uuid NOT NULL, order_id text NOT NULL)");
	return {
		name: `consumer-${index + 1}`,
		db,
		table: "effects",
		inbox: true,
		async handler(tx, events) {
			await tx.query("INSERT INTO effects SELECT unnest($1::uuid[]), unnest($2::text[])", [
				events.map((event) => event.event_id),
				events.map((event) => event.aggregate_id),
			]);
		},
	};
}

async function run(count: number, transport: Transport, source: Db, sinks: readonly Sink[]): Promise<number> {
	// What was written for the preparation is not to be written to disk during the measurement.
	await source.query("CHECKPOINT");
	const done = sinks.map(() => 0);
	const consumptions = sinks.map(({ name, db, inbox, handler }, i) => {
		const counting: Handler = async (tx, events) => {
			await handler(tx, events);
			tx.afterCommit(() => (done[i] = (done[i] ?? 0) + events.length));
		};
		return startConsumer({ name, db, transport, keepsInbox: inbox, handlers: { "*": counting }, logger });
	});
	const startedAt = performance.now();
	const audience = sinks.map(({ name }) => placeOf(name, EVERY_SOURCE));
	const relay = startRelay({ db: source, source: SOURCE, transport, audience, logger });
	try {
		await until(() => done.every((handled) => handled >= count), (count / MIN_EVENTS_PER_S) * 1_000);
		return count / secondsSince(startedAt);
	} finally {
		await relay.stop();
		await Promise.all(consumptions.map((consumption) => consumption.stop()));
		await transport.close();
		for (const { db, table } of sinks) await expectRows(db, table, count);
	}
}

async function expectRows(db: Db, table: string, count: number): Promise<void> {
	const [row] = await db.query<{ rows: number }>(`SELECT count(*)::integer AS rows FROM ${table}`);
	if (row?.rows !== count) throw new Error(`${table} has ${row?.rows} rows after ${count} events`);
}

async function withDatabase<T>(service: StatefulService | undefined, work: (db: Db) => Promise<T>): Promise<T> {
	const { db, drop } = await createDatabase(service);
	try {
		return await work(db);
	} finally {
		await drop();
	}
}

function secondsSince(startedAt: number): number {
	return (performance.now() - startedAt) / 1_000;
}
