import type { Tx } from "../../../lib/db.ts";

/**
 * Every kind of order. Those that were kept before were limit and market orders, and what of them rested showed all of
 * itself. Of two orders of which one has taken the other's place in time, only one is working.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(COLUMNS);
	await tx.query(CHECKS);
	await tx.query(INDEXES);
	await tx.query(SELF_TRADES);
}

const COLUMNS = `
	ALTER TABLE orders
		ADD order_type text,
		ADD time_in_force text,
		ADD notional numeric,
		ADD stop_ticks bigint,
		ADD trail_ticks bigint,
		ADD trail_bps integer,
		ADD extreme_ticks bigint,
		ADD since_trade_seq bigint NOT NULL DEFAULT 0,
		ADD post_only boolean NOT NULL DEFAULT false,
		ADD reduce_only boolean NOT NULL DEFAULT false,
		ADD display_lots bigint,
		ADD visible_lots bigint NOT NULL DEFAULT 0,
		ADD self_trade_prevention text NOT NULL DEFAULT 'expire_taker',
		ADD expires_at timestamptz,
		ADD replaces uuid,
		ADD replaced_by uuid;
	UPDATE orders SET order_type = CASE WHEN price_ticks IS NULL THEN 'market' ELSE 'limit' END,
		time_in_force = CASE WHEN rests OR price_ticks IS NULL THEN 'gtc' ELSE 'ioc' END,
		visible_lots = CASE WHEN status IN ('open', 'partially_filled') THEN quantity_lots - filled_lots ELSE 0 END;
	ALTER TABLE orders DROP rests, ALTER order_type SET NOT NULL, ALTER time_in_force SET NOT NULL`;

const CHECKS = `
	ALTER TABLE orders
		DROP CONSTRAINT orders_status_check,
		DROP CONSTRAINT orders_quantity_lots_check,
		DROP CONSTRAINT orders_hold_while_working,
		ADD CONSTRAINT orders_status_check CHECK (status IN
			('held', 'open', 'partially_filled', 'filled', 'canceled', 'expired', 'rejected', 'replaced')),
		ADD CONSTRAINT orders_type_check CHECK (order_type IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop')),
		ADD CONSTRAINT orders_time_in_force_check CHECK (time_in_force IN ('gtc', 'ioc', 'fok', 'day', 'gtd')),
		ADD CONSTRAINT orders_self_trade_check CHECK (self_trade_prevention IN
			('expire_taker', 'expire_maker', 'expire_both', 'decrement', 'none')),
		ADD CONSTRAINT orders_quantity_lots_check CHECK (quantity_lots > 0 OR (quantity_lots = 0 AND notional IS NOT NULL)),
		ADD CONSTRAINT orders_notional_check CHECK (notional > 0 AND notional <> 'NaN'),
		ADD CONSTRAINT orders_stop_check CHECK (stop_ticks > 0 AND trail_ticks > 0 AND trail_bps BETWEEN 1 AND 9999),
		ADD CONSTRAINT orders_visible_check
			CHECK (display_lots > 0 AND visible_lots BETWEEN 0 AND quantity_lots - filled_lots),
		ADD CONSTRAINT orders_hold_while_working CHECK (hold = 0 OR status IN ('held', 'open', 'partially_filled'));
	ALTER TABLE markets
		DROP CONSTRAINT markets_status_check,
		ADD CONSTRAINT markets_status_check CHECK (status IN ('trading', 'cancel_only', 'halted'))`;

const INDEXES = `
	ALTER TABLE orders DROP CONSTRAINT orders_symbol_arrival_seq_key;
	DROP INDEX orders_working;
	CREATE INDEX orders_by_arrival ON orders (symbol, arrival_seq);
	CREATE UNIQUE INDEX orders_working ON orders (symbol, arrival_seq)
		WHERE status IN ('held', 'open', 'partially_filled');
	CREATE INDEX orders_trailing ON orders (symbol, since_trade_seq)
		WHERE status = 'held' AND order_type = 'trailing_stop'`;

/** A user may ask for it: self_trade_prevention "none". */
const SELF_TRADES = "ALTER TABLE trades DROP CONSTRAINT trades_check";
