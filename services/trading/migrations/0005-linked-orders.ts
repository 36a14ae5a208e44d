import type { Tx } from "../../../lib/db.ts";

/** The other one of a pair of orders of which one cancels the other; null on an order that stands alone. */
export async function up(tx: Tx): Promise<void> {
	await tx.query("ALTER TABLE orders ADD linked_to uuid CHECK (linked_to <> order_id)");
}
