import type { Envelope } from "../../contracts/events.ts";
import { brokenConstraint, type Tx } from "../../lib/db.ts";
import { refuse } from "../../lib/refuse.ts";

/** The number of an aggregate's last event, 0 for a new one; nobody else adds to it until the transaction ends. */
export async function lockAggregate(tx: Tx, aggregateId: string): Promise<number> {
	const [row] = await tx.query<{ last_seq: string }>(
		`INSERT INTO published_aggregates AS a (aggregate_id, last_seq) VALUES ($1, 0)
		ON CONFLICT (aggregate_id) DO UPDATE SET last_seq = a.last_seq RETURNING last_seq`,
		[aggregateId],
	);
	return Number(row?.last_seq);
}

/** What was published under that id, or null. */
export async function findPublication(
	tx: Tx,
	eventId: string,
): Promise<Pick<Envelope, "type" | "aggregate_id" | "aggregate_seq" | "data"> | null> {
	const [row] = await tx.query<{ type: string; aggregate_id: string; aggregate_seq: string; data: unknown }>(
		`SELECT type, aggregate_id, aggregate_seq, data FROM publications JOIN outbox USING (aggregate_id, aggregate_seq)
		WHERE publications.event_id = $1`,
		[eventId],
	);
	return row ? { ...row, aggregate_seq: Number(row.aggregate_seq) } : null;
}

/** Notes the event of that id as number `seq` of its aggregate. Refuses `IDEMPOTENCY_KEY_REUSED` for an id in use. */
export async function insertPublication(tx: Tx, eventId: string, aggregateId: string, seq: number): Promise<void> {
	try {
		await tx.query("INSERT INTO publications (event_id, aggregate_id, aggregate_seq) VALUES ($1, $2, $3)", [
			eventId,
			aggregateId,
			seq,
		]);
	} catch (error) {
		if (brokenConstraint(error) === "publications_pkey") throw refuse("IDEMPOTENCY_KEY_REUSED");
		throw error;
	}
	await tx.query("UPDATE published_aggregates SET last_seq = $2 WHERE aggregate_id = $1", [aggregateId, seq]);
}
