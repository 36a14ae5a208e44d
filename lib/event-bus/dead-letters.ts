import type { DeadLetter, DeadLetters } from "../../contracts/event-bus.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Db } from "../db.ts";
import { pageOf } from "../page.ts";
import { firstBytes } from "./bounds.ts";

interface Row {
	readonly envelope: Envelope;
	readonly attempts: number;
	readonly last_error: string | null;
	readonly created_at: Date;
}

/** Redriven at a time: each of them may fail five times again. */
const MAX_REDRIVEN = 1_000;

/** More than a page of them has: what is beyond it is not read, since an event may be 768 KB long. */
const MAX_READ_BYTES = 2 ** 20;

/** The dead letters of `consumer` with an event id after `after`, in that order, as many as a message carries. */
export async function listDeadLetters(
	db: Db,
	consumer: string,
	after: string | null,
	limit: number,
): Promise<DeadLetters> {
	const dead = `SELECT * FROM deliveries
		WHERE state = 'dead' AND ($1::uuid IS NULL OR event_id > $1) ORDER BY event_id LIMIT $2`;
	const rows = await db.query<Row>(
		`SELECT envelope, attempts, last_error, created_at
		FROM ${firstBytes(dead, "envelope", "event_id", MAX_READ_BYTES)} first ORDER BY event_id`,
		[after, limit + 1],
	);
	const { items, next_cursor } = pageOf(
		rows,
		limit,
		(row) => row.envelope.event_id,
		(row) => deadLetterOf(consumer, row),
	);
	return { items, more: next_cursor !== null };
}

/** The dead letter with that event, or null. */
export async function findDeadLetter(db: Db, consumer: string, eventId: string): Promise<DeadLetter | null> {
	const [row] = await db.query<Row>(
		"SELECT envelope, attempts, last_error, created_at FROM deliveries WHERE state = 'dead' AND event_id = $1",
		[eventId],
	);
	return row ? deadLetterOf(consumer, row) : null;
}

/** Has one dead letter, or the first of them all, tried anew from the first try on; gives how many. */
export async function redrive(db: Db, eventId: string | null): Promise<number> {
	const rows = await db.query(
		`UPDATE deliveries SET state = 'retrying', attempts = 0, next_try_at = now() WHERE event_id IN (
			SELECT event_id FROM deliveries WHERE state = 'dead' AND ($1::uuid IS NULL OR event_id = $1)
			ORDER BY event_id LIMIT $2 FOR UPDATE
		) RETURNING event_id`,
		[eventId, MAX_REDRIVEN],
	);
	return rows.length;
}

/** Forgets a dead letter; false when there is none with that event. */
export async function discard(db: Db, eventId: string): Promise<boolean> {
	const rows = await db.query("DELETE FROM deliveries WHERE event_id = $1 AND state = 'dead' RETURNING event_id", [
		eventId,
	]);
	return rows.length > 0;
}

function deadLetterOf(consumer: string, row: Row): DeadLetter {
	return {
		consumer,
		event: row.envelope,
		attempts: row.attempts,
		last_error: row.last_error,
		set_aside_at: row.created_at.toISOString(),
	};
}
