import type { Tx } from "../../../lib/db.ts";

/** Each market's orders are ended by themselves, in the order of their ends. */
export async function up(tx: Tx): Promise<void> {
	await tx.query("DROP INDEX orders_expiring");
	await tx.query(`
		CREATE INDEX orders_expiring ON orders (symbol, expires_at, order_id)
		WHERE status IN ('held', 'open', 'partially_filled') AND expires_at IS NOT NULL`);
}
