import type { Actor, Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";

/** An event with its place in the history. */
export interface Recorded {
	readonly position: string;
	readonly event: Envelope;
}

/** Which part of the history; null is any. */
export interface Selection {
	readonly after: string;
	readonly limit: number;
	readonly type: string | null;
	readonly aggregateId: string | null;
	readonly correlationId: string | null;
}

/**
 * Records events that are not there yet. One transaction at a time does so: positions then become visible in their
 * order, and a reader that asks for what comes after the last one it saw misses none.
 */
export async function record(tx: Tx, events: readonly Envelope[]): Promise<void> {
	await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.history]);
	await tx.query(
		`INSERT INTO events (event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id,
			causation_id, occurred_at, actor)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::json[],
			$8::text[], $9::text[], $10::timestamptz[], $11::json[])
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
		],
	);
}

/** The recorded events of a selection, in the order of recording. */
export async function readHistory(db: Db, selection: Selection): Promise<readonly Recorded[]> {
	const { after, limit, type, aggregateId, correlationId } = selection;
	const conditions = ["position > $1"];
	const bind: (string | number)[] = [after, limit];
	const filters = { type, aggregate_id: aggregateId, correlation_id: correlationId };
	for (const [column, value] of Object.entries(filters)) {
		if (value !== null) conditions.push(`${column} = $${bind.push(value)}`);
	}
	const rows = await db.query<EventRow>(
		`SELECT position, event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id, causation_id,
			occurred_at, actor
		FROM events WHERE ${conditions.join(" AND ")} ORDER BY position LIMIT $2`,
		bind,
	);
	return rows.map(toRecorded);
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
}

function toRecorded(row: EventRow): Recorded {
	return {
		position: row.position,
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
