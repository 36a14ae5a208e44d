import type { Tx } from "../../../lib/db.ts";

/** Consumers that are newer than some of the history get it from its beginning; what they have had changes nothing. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		INSERT INTO replays (replay_id, consumer, again, position, end_position, requested_by)
		SELECT gen_random_uuid(), consumer, false, 0, head, '00000000-0000-0000-0000-000000000000'
		FROM unnest(ARRAY['audit', 'notifications']) AS consumer, (SELECT max(position) AS head FROM events) AS history
		WHERE head IS NOT NULL`);
}
