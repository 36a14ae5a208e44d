import type { Tx } from "../../../lib/db.ts";

/** A publication is known as long as its event is kept: what was removed before they went together goes now. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		DELETE FROM publications p WHERE NOT EXISTS (
			SELECT FROM outbox o WHERE o.aggregate_id = p.aggregate_id AND o.aggregate_seq = p.aggregate_seq
		)`);
}
