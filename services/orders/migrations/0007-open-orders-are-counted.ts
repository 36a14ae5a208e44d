import type { Tx } from "../../../lib/db.ts";

/** Open orders are counted where they are: a count per user made every change to his orders wait for the others. */
export async function up(tx: Tx): Promise<void> {
	await tx.query("DROP TABLE open_orders");
}
