import type { Tx } from "../../../lib/db.ts";

/**
 * Up to where it is decided that events go: once one is gone at a consumer, that consumer cannot tell any more that it
 * has handled it.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE pruning (
			only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
			decided_up_to bigint NOT NULL
		);
		INSERT INTO pruning (decided_up_to) VALUES (0)`);
}
