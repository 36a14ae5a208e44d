import type { Tx } from "../../../lib/db.ts";

/**
 * Up to where the message goes that was tried last: it is tried again as it was, whatever has been recorded meanwhile.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query("ALTER TABLE subscriptions ADD COLUMN sending_up_to bigint");
}
