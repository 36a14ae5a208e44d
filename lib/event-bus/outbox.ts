import type { OutboxBacklog } from "../../contracts/event-bus.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Events } from "../../contracts/index.ts";
import type { Origin } from "../caller.ts";
import type { Db, Tx } from "../db.ts";
import { newId } from "../id.ts";
import { firstBytes, MAX_BYTES, MAX_EVENTS } from "./bounds.ts";
import { dropCheckpoint, lastHandled } from "./floor.ts";
import { sourceOf, tellerOf } from "./sources.ts";
import type { Receipt } from "./transport.ts";

/** An event to be told, written in the transaction of the change that it tells of. */
export type Staged = {
	[E in keyof Events]: Origin & {
		readonly type: E;
		readonly aggregate_id: string;
		readonly aggregate_seq: number;
		readonly data: Events[E];
		/** Where whoever tells it has given it one. */
		readonly event_id?: string;
		readonly causation_id?: string | null;
	};
}[keyof Events];

/** An event of the outbox that the transport has not accepted yet. */
export interface Unpublished {
	readonly position: string;
	readonly event: Envelope;
}

/** The form that every type's `data` has today; a change that old readers cannot read will count it up. */
const DATA_VERSION = 1;

/** No older events are published again when the transport has lost some: what it may still have held, and a day. */
const REFILL_WINDOW = "4 days";
const REFILL_TIMEOUT_MS = 10 * 60_000;

/** An event must fit into a NATS message of 1 MiB with its envelope: one that did not would stop the relay. */
const MAX_DATA_BYTES = 768 * 1_024;

/** Writes `events` of the service `service` in one statement, in their order, to be published after the commit. */
export function stage(tx: Tx, service: string, events: readonly Staged[]): void {
	const foreign = events.find((event) => tellerOf(sourceOf(event.type)) !== service);
	if (foreign) throw new Error(`'${service}' cannot tell '${foreign.type}': an event's type begins with its source`);
	if (events.length === 0) return;
	// clock_timestamp(), not now(): within an aggregate time must not run backwards, and a transaction may begin
	// long before it gets the aggregate's lock.
	tx.execute(
		`WITH told AS (
			INSERT INTO outbox (event_id, type, aggregate_id, aggregate_seq, data, correlation_id, causation_id,
				actor, version, occurred_at)
			SELECT *, ${DATA_VERSION}, clock_timestamp()
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::json[], $6::text[], $7::text[],
				$8::json[])
			RETURNING position
		)
		INSERT INTO outbox_queue SELECT position FROM told`,
		[
			events.map((event) => event.event_id ?? newId()),
			events.map((event) => event.type),
			events.map((event) => event.aggregate_id),
			events.map((event) => event.aggregate_seq),
			events.map(dataOf),
			events.map((event) => event.correlation_id),
			events.map((event) => event.causation_id ?? null),
			events.map((event) => event.actor && JSON.stringify(event.actor)),
		],
	);
}

function dataOf({ type, aggregate_id, data }: Staged): string {
	const text = JSON.stringify(data);
	const bytes = Buffer.byteLength(text);
	if (bytes > MAX_DATA_BYTES)
		throw new Error(`'${type}' of ${aggregate_id} has ${bytes} bytes of data, more than ${MAX_DATA_BYTES}`);
	return text;
}

/** Some events of the outbox that the transport has not accepted yet. */
export interface Batch {
	readonly entries: readonly Unpublished[];
	/** How long their data is. */
	readonly bytes: number;
	/** Whether there may be more behind them. */
	readonly more: boolean;
}

/**
 * The first unpublished events, as many as are handled together. Their order is that of each aggregate: a position is
 * drawn under the aggregate's row lock, so the earlier event has the lower one, and whoever sees the later sees the
 * earlier.
 */
export async function nextUnpublished(tx: Tx): Promise<Batch> {
	// An array, not a join: the planner must never walk the whole outbox for the few rows of the queue.
	const queued = `SELECT * FROM outbox
		WHERE position = ANY (ARRAY(SELECT position FROM outbox_queue ORDER BY position LIMIT ${MAX_EVENTS}))`;
	const rows = await tx.query<OutboxRow>(
		`SELECT position, event_id, type, aggregate_id, aggregate_seq, version, data, correlation_id, causation_id,
			actor, occurred_at, up_to::float8 AS bytes
		FROM ${firstBytes(queued, "data", "position")} next ORDER BY position`,
	);
	const bytes = rows.at(-1)?.bytes ?? 0;
	const entries = rows.map(({ position, occurred_at, bytes: _, ...event }) => ({
		position,
		event: {
			...event,
			source: sourceOf(event.type),
			timestamp: occurred_at.toISOString(),
			aggregate_seq: Number(event.aggregate_seq),
		},
	}));
	return { entries, bytes, more: entries.length === MAX_EVENTS || bytes >= MAX_BYTES };
}

type OutboxRow = Omit<Envelope, "source" | "timestamp" | "aggregate_seq"> & {
	readonly position: string;
	readonly aggregate_seq: string;
	readonly occurred_at: Date;
	/** Of this and all before it. */
	readonly bytes: number;
};

/** Whether any event waits to be published. */
export async function hasUnpublished(db: Db): Promise<boolean> {
	const [row] = await db.query<{ waiting: boolean }>("SELECT EXISTS (SELECT FROM outbox_queue) AS waiting");
	return row?.waiting === true;
}

/** Takes what the transport has accepted off the queue, and keeps its receipt if it gave one. */
export function markPublished(tx: Tx, accepted: readonly Unpublished[], receipt: Receipt | null): void {
	const positions = accepted.map((entry) => entry.position);
	tx.execute("DELETE FROM outbox_queue WHERE position = ANY ($1::bigint[])", [positions]);
	if (!receipt) return;
	tx.execute(
		"INSERT INTO outbox_receipt (receipt) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET receipt = excluded.receipt",
		[JSON.stringify(receipt)],
	);
}

/** The receipt of the last publication that the transport accepted, or null. */
export async function lastReceipt(tx: Tx): Promise<Receipt | null> {
	const [row] = await tx.query<{ receipt: Receipt }>("SELECT receipt FROM outbox_receipt");
	return row?.receipt ?? null;
}

/**
 * Queues again whatever a transport that lost events may have lost and somebody, those at the places `audience` among
 * them, may not have handled; consumers drop what they already have.
 */
export async function refill(tx: Tx, audience: readonly string[]): Promise<void> {
	tx.setStatementTimeout(REFILL_TIMEOUT_MS);
	// By itself: the planner must see how few events are beyond it.
	const handled = await lastHandled(tx, audience);
	await tx.query(
		`INSERT INTO outbox_queue SELECT position FROM outbox
		WHERE position > $1 AND occurred_at > now() - interval '${REFILL_WINDOW}'
		ON CONFLICT DO NOTHING`,
		[handled],
	);
	await tx.query("DELETE FROM outbox_receipt");
	dropCheckpoint(tx);
}

/** How far publishing lags behind what the service has told. */
export async function outboxBacklog(db: Db): Promise<OutboxBacklog> {
	const [row] = await db.query<{ unpublished: number; age: number }>(
		`SELECT (SELECT count(*)::integer FROM outbox_queue) AS unpublished,
			coalesce((
				SELECT extract(epoch FROM clock_timestamp() - occurred_at) * 1000 FROM outbox
				WHERE position = (SELECT min(position) FROM outbox_queue)
			), 0)::float8 AS age`,
	);
	return { unpublished: row?.unpublished ?? 0, oldest_age_ms: Math.max(0, Math.round(row?.age ?? 0)) };
}

/** Forgets events; one that has yet to be published stays. */
export async function forgetTold(
	db: Db,
	events: readonly Pick<Envelope, "aggregate_id" | "aggregate_seq">[],
): Promise<void> {
	await db.query(
		`DELETE FROM outbox o USING unnest($1::text[], $2::bigint[]) AS e (aggregate_id, aggregate_seq)
		WHERE o.aggregate_id = e.aggregate_id AND o.aggregate_seq = e.aggregate_seq
			AND NOT EXISTS (SELECT FROM outbox_queue q WHERE q.position = o.position)`,
		[events.map((event) => event.aggregate_id), events.map((event) => event.aggregate_seq)],
	);
}
