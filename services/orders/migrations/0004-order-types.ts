import type { Tx } from "../../../lib/db.ts";

/**
 * Every kind of order. `ordered_quantity` is what the client asked for: a quantity may become less by self-trade
 * prevention, or of an order that replaces another, and grows with a notional. Of an order from before it is null,
 * since its quantity is still the same.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(COLUMNS);
	await tx.query(CHECKS);
	await tx.query(EXPIRING);
}

const COLUMNS = `
	ALTER TABLE orders
		ADD ordered_quantity numeric,
		ADD notional numeric,
		ADD stop_price numeric,
		ADD trail_amount numeric,
		ADD trail_percent numeric,
		ADD expires_at timestamptz,
		ADD post_only boolean NOT NULL DEFAULT false,
		ADD reduce_only boolean NOT NULL DEFAULT false,
		ADD display_quantity numeric,
		ADD self_trade_prevention text NOT NULL DEFAULT 'expire_taker',
		ADD replaces uuid,
		ADD replaced_by uuid`;

const CHECKS = `
	ALTER TABLE orders
		DROP CONSTRAINT orders_order_type_check,
		DROP CONSTRAINT orders_time_in_force_check,
		DROP CONSTRAINT orders_quantity_check,
		DROP CONSTRAINT orders_status_check,
		DROP CONSTRAINT orders_closed_when_terminal,
		DROP CONSTRAINT orders_filled_to_the_last,
		ADD CONSTRAINT orders_order_type_check
			CHECK (order_type IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop')),
		ADD CONSTRAINT orders_time_in_force_check CHECK (time_in_force IN ('gtc', 'ioc', 'fok', 'day', 'gtd')),
		ADD CONSTRAINT orders_self_trade_check CHECK (self_trade_prevention IN
			('expire_taker', 'expire_maker', 'expire_both', 'decrement', 'none')),
		ADD CONSTRAINT orders_quantity_check
			CHECK (quantity <> 'NaN' AND (quantity > 0 OR (quantity = 0 AND notional IS NOT NULL))),
		ADD CONSTRAINT orders_terms_check CHECK (notional > 0 AND notional <> 'NaN' AND stop_price > 0
			AND stop_price <> 'NaN' AND trail_amount > 0 AND trail_amount <> 'NaN' AND trail_percent > 0
			AND trail_percent < 100 AND display_quantity > 0 AND display_quantity <> 'NaN'),
		ADD CONSTRAINT orders_expiry_check CHECK ((expires_at IS NOT NULL) = (time_in_force IN ('day', 'gtd'))),
		ADD CONSTRAINT orders_status_check CHECK (status IN ('pending', 'held', 'open', 'partially_filled', 'filled',
			'canceled', 'expired', 'rejected', 'replaced')),
		ADD CONSTRAINT orders_closed_when_terminal CHECK
			((closed_at IS NOT NULL) = (status IN ('filled', 'canceled', 'expired', 'rejected', 'replaced'))),
		ADD CONSTRAINT orders_filled_to_the_last
			CHECK (notional IS NOT NULL OR (status = 'filled') = (filled_quantity = quantity))`;

const EXPIRING = `
	CREATE INDEX orders_expiring ON orders (expires_at)
		WHERE status IN ('held', 'open', 'partially_filled') AND expires_at IS NOT NULL`;
