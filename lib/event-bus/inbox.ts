import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../db.ts";

/** Notes `events` as taken over; gives those that were not before. */
export async function takeOver(tx: Tx, events: readonly Envelope[]): Promise<readonly Envelope[]> {
	const rows = await tx.query<{ event_id: string }>(
		"INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id",
		[events.map((event) => event.event_id)],
	);
	const fresh = new Set(rows.map((row) => row.event_id));
	return events.filter((event) => fresh.delete(event.event_id));
}

/**
 * Those of `eventIds` that have not been handled: without a row in `table`, which has one by `event_id` for each that
 * has, or set aside.
 */
export async function unhandledOf(db: Db, table: string, eventIds: readonly string[]): Promise<readonly string[]> {
	const rows = await db.query<{ event_id: string }>(
		`SELECT event_id FROM unnest($1::uuid[]) AS e (event_id)
		WHERE NOT EXISTS (SELECT FROM ${table} t WHERE t.event_id = e.event_id)
			OR EXISTS (SELECT FROM deliveries d WHERE d.event_id = e.event_id)`,
		[eventIds],
	);
	return rows.map((row) => row.event_id);
}

/** Forgets that these were taken over. */
export async function forgetTakenOver(db: Db, eventIds: readonly string[]): Promise<void> {
	await db.query("DELETE FROM inbox WHERE event_id = ANY ($1::uuid[])", [eventIds]);
}
