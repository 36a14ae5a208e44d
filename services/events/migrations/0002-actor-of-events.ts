import type { Tx } from "../../../lib/db.ts";

/** The history tells who is behind an event. */
export async function up(tx: Tx): Promise<void> {
	await tx.query("ALTER TABLE events ADD COLUMN actor json");
}
