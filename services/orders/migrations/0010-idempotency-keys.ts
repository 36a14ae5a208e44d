import type { Tx } from "../../../lib/db.ts";

/** An order knows the key of the request that placed it. One without a key has no place in the index. */
export async function up(tx: Tx): Promise<void> {
	await tx.query("ALTER TABLE orders ADD idempotency_key text");
	await tx.query(
		`CREATE UNIQUE INDEX orders_idempotency_key ON orders (user_id, idempotency_key)
		WHERE idempotency_key IS NOT NULL`,
	);
}
