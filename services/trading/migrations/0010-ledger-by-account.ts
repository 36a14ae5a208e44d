import type { Tx } from "../../../lib/db.ts";

/**
 * The ledger of an account is read without that of its owner's others. It takes the place of an index by owner, since
 * each one costs every posting.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query("CREATE INDEX postings_by_account ON postings (owner, asset, posting_id DESC)");
	await tx.query("DROP INDEX postings_by_owner");
}
