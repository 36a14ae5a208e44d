import type { Actor, Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";
import { subjectOf } from "./domain/subscription.ts";

/** An event with its place in the history, and the user whom it is about. */
export interface Recorded {
	readonly position: string;
	readonly event: Envelope;
	readonly about: string | null;
}

/** Which part of the history; null is any. */
export interface Selection {
	readonly after: string;
	readonly limit: number;
	readonly type: string | null;
	readonly aggregateId: string | null;
	readonly correlationId: string | null;
	readonly since: string | null;
	readonly until: string | null;
}

/**
 * Records events that are not there yet. One transaction at a time does so: positions then become visible in their
 * order, and a reader that asks for what comes after the last one it saw misses none.
 */
export function record(tx: Tx, events: readonly Envelope[]): void {
	tx.execute("SELECT pg_advisory_xact_lock($1)", [LOCKS.history]);
	tx.execute(
		`INSERT INTO events (event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id,
			causation_id, occurred_at, actor, user_id)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::json[],
			$8::text[], $9::text[], $10::timestamptz[], $11::json[], $12::uuid[])
		ON CONFLICT (event_id) DO NOTHING`,
		[
			events.map((event) => event.event_id),
			events.map((event) => event.type),
			events.map((event) => event.source),
			events.map((event) => event.aggregate_id),
			events.map((event) => event.aggregate_seq),
			events.map((event) => event.version),
			events.map((event) => JSON.stringify(event.data)),
			events.map((event) => event.correlation_id),
			events.map((event) => event.causation_id),
			events.map((event) => event.timestamp),
			events.map((event) => event.actor && JSON.stringify(event.actor)),
			events.map(subjectOf),
		],
	);
}

/** Those of `eventIds` that are in the history. */
export async function recordedOf(tx: Tx, eventIds: readonly string[]): Promise<ReadonlySet<string>> {
	const rows = await tx.query<{ event_id: string }>("SELECT event_id FROM events WHERE event_id = ANY ($1::uuid[])", [
		eventIds,
	]);
	return new Set(rows.map((row) => row.event_id));
}

/** The recorded events of a selection, in the order of recording. */
export async function readHistory(db: Db, selection: Selection): Promise<readonly Recorded[]> {
	const { after, limit, type, aggregateId, correlationId, since, until } = selection;
	const conditions = ["position > $1"];
	const bind: (string | number)[] = [after, limit];
	const filters = [
		["type =", type],
		["aggregate_id =", aggregateId],
		["correlation_id =", correlationId],
		["occurred_at >=", since],
		["occurred_at <", until],
	] as const;
	for (const [condition, value] of filters) {
		if (value !== null) conditions.push(`${condition} $${bind.push(value)}`);
	}
	return select(db, `WHERE ${conditions.join(" AND ")} ORDER BY position LIMIT $2`, bind);
}

/** The first `limit` events after a position. */
export function readPage(db: Db, after: string, limit: number): Promise<readonly Recorded[]> {
	return select(db, "WHERE position > $1 ORDER BY position LIMIT $2", [after, limit]);
}

/** The last `limit` events of a type or of all, oldest first. */
export async function readLast(db: Db, type: string | null, limit: number): Promise<readonly Recorded[]> {
	const rows = await select(db, "WHERE ($1::text IS NULL OR type = $1) ORDER BY position DESC LIMIT $2", [type, limit]);
	return rows.toReversed();
}

/** The position of the last event that is visible; every later one will have a higher one. */
export async function headOf(db: Pick<Db, "query">): Promise<string> {
	const [row] = await db.query<{ head: string }>("SELECT coalesce(max(position), 0) AS head FROM events");
	return row?.head ?? "0";
}

/** The last position of which everything up to it was recorded before `time`. */
export async function positionBefore(db: Db, time: string): Promise<string> {
	const [row] = await db.query<{ position: string }>(
		`SELECT coalesce(
			(SELECT position - 1 FROM events WHERE recorded_at >= $1::timestamptz - ${CLOCK_MARGIN}
				ORDER BY recorded_at LIMIT 1),
			(SELECT max(position) FROM events), 0
		) AS position`,
		[time],
	);
	return row?.position ?? "0";
}

/** Events of before are recorded with the time when their transaction began, and clocks of nodes differ somewhat. */
const CLOCK_MARGIN = "interval '1 minute'";

/** The first `limit` events recorded more than `days` days ago, up to the position `end`. */
export function readOlderThan(db: Db, days: number, end: string, limit: number): Promise<readonly Recorded[]> {
	return select(
		db,
		"WHERE position <= $1 AND recorded_at < now() - make_interval(days => $2) ORDER BY position LIMIT $3",
		[end, days, limit],
	);
}

/** Up to which position it is decided that events go. */
export async function decidedUpTo(db: Db): Promise<string> {
	const [row] = await db.query<{ decided_up_to: string }>("SELECT decided_up_to FROM pruning");
	if (!row) throw new Error("pruning has lost its row");
	return row.decided_up_to;
}

/** Decides that all events up to that position go. */
export async function decideUpTo(db: Db, position: string): Promise<void> {
	await db.query("UPDATE pruning SET decided_up_to = greatest(decided_up_to, $1)", [position]);
}

/**
 * Removes events from the history, and counts them. The ids of what was published from outside go in the same moment:
 * one that was used again before would be a repeat of what is still here.
 */
export async function removeEvents(db: Db, eventIds: readonly string[]): Promise<void> {
	await db.query(
		`WITH gone AS (DELETE FROM events WHERE event_id = ANY ($1::uuid[]) RETURNING event_id),
			published AS (DELETE FROM publications WHERE event_id = ANY ($1::uuid[]))
		INSERT INTO removed_events AS r (count) SELECT count(*) FROM gone
		ON CONFLICT (only_row) DO UPDATE SET count = r.count + excluded.count`,
		[eventIds],
	);
}

interface EventRow {
	readonly position: string;
	readonly event_id: string;
	readonly type: string;
	readonly source: string;
	readonly aggregate_id: string;
	readonly aggregate_seq: string;
	readonly version: number;
	readonly data: unknown;
	readonly correlation_id: string;
	readonly causation_id: string | null;
	readonly occurred_at: Date;
	readonly actor: Actor | null;
	readonly user_id: string | null;
}

async function select(db: Db, rest: string, bind: readonly (string | number | null)[]): Promise<Recorded[]> {
	const rows = await db.query<EventRow>(
		`SELECT position, event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id, causation_id,
			occurred_at, actor, user_id
		FROM events ${rest}`,
		bind,
	);
	return rows.map(toRecorded);
}

function toRecorded(row: EventRow): Recorded {
	return {
		position: row.position,
		about: row.user_id,
		event: {
			event_id: row.event_id,
			type: row.type,
			source: row.source,
			timestamp: row.occurred_at.toISOString(),
			data: row.data,
			aggregate_id: row.aggregate_id,
			aggregate_seq: Number(row.aggregate_seq),
			version: row.version,
			correlation_id: row.correlation_id,
			causation_id: row.causation_id,
			actor: row.actor,
		},
	};
}
