import type { Tx } from "../../../lib/db.ts";

/**
 * Orders that belong together: a parent and its legs. An oco is filled by what its legs have filled together, of which
 * one may be known before the end of the other.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(COLUMNS);
	await tx.query("CREATE INDEX orders_legs ON orders (parent_id, order_id) WHERE parent_id IS NOT NULL");
}

const COLUMNS = `
	ALTER TABLE orders
		ADD order_class text NOT NULL DEFAULT 'simple',
		ADD parent_id uuid,
		ADD CONSTRAINT orders_class_check
			CHECK (order_class IN ('oco', 'bracket') OR (order_class = 'simple' AND parent_id IS NULL)),
		DROP CONSTRAINT orders_filled_to_the_last,
		ADD CONSTRAINT orders_filled_to_the_last CHECK (notional IS NOT NULL OR (order_class = 'oco' AND parent_id IS NULL)
			OR (status = 'filled') = (filled_quantity = quantity))`;
