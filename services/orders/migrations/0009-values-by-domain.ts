import type { Tx } from "../../../lib/db.ts";

/**
 * What a column may hold is said by its domain. PostgreSQL reads the checks of a table anew for each statement that
 * writes to it, sixteen for an order, and those of a domain once per connection. What several columns must be together
 * stays a check.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(DOMAINS);
	await tx.query(COLUMNS);
	await tx.query(VALUES);
}

/** Without constraints at first: a column of such a domain is not written anew. */
const DOMAINS = `
	CREATE DOMAIN positive AS numeric;
	CREATE DOMAIN not_negative AS numeric;
	CREATE DOMAIN part_of_hundred AS numeric;
	CREATE DOMAIN order_side AS text;
	CREATE DOMAIN order_kind AS text;
	CREATE DOMAIN order_duration AS text;
	CREATE DOMAIN order_state AS text;
	CREATE DOMAIN self_trade_rule AS text`;

const COLUMNS = `
	ALTER TABLE orders
		DROP CONSTRAINT orders_price_check,
		DROP CONSTRAINT orders_average_price_check,
		DROP CONSTRAINT orders_terms_check,
		DROP CONSTRAINT orders_filled_notional_check,
		DROP CONSTRAINT orders_fee_check,
		DROP CONSTRAINT orders_side_check,
		DROP CONSTRAINT orders_order_type_check,
		DROP CONSTRAINT orders_time_in_force_check,
		DROP CONSTRAINT orders_status_check,
		DROP CONSTRAINT orders_self_trade_check,
		ALTER price TYPE positive,
		ALTER average_price TYPE positive,
		ALTER notional TYPE positive,
		ALTER stop_price TYPE positive,
		ALTER trail_amount TYPE positive,
		ALTER display_quantity TYPE positive,
		ALTER trail_percent TYPE part_of_hundred,
		ALTER filled_notional TYPE not_negative,
		ALTER fee TYPE not_negative,
		ALTER side TYPE order_side,
		ALTER order_type TYPE order_kind,
		ALTER time_in_force TYPE order_duration,
		ALTER status TYPE order_state,
		ALTER self_trade_prevention TYPE self_trade_rule`;

const VALUES = `
	ALTER DOMAIN positive ADD CHECK (VALUE > 0 AND VALUE <> 'NaN');
	ALTER DOMAIN not_negative ADD CHECK (VALUE >= 0 AND VALUE <> 'NaN');
	ALTER DOMAIN part_of_hundred ADD CHECK (VALUE > 0 AND VALUE < 100);
	ALTER DOMAIN order_side ADD CHECK (VALUE IN ('buy', 'sell'));
	ALTER DOMAIN order_kind ADD CHECK (VALUE IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop'));
	ALTER DOMAIN order_duration ADD CHECK (VALUE IN ('gtc', 'ioc', 'fok', 'day', 'gtd'));
	ALTER DOMAIN order_state ADD CHECK (VALUE IN ('pending', 'held', 'open', 'partially_filled', 'filled', 'canceled',
		'expired', 'rejected', 'replaced'));
	ALTER DOMAIN self_trade_rule
		ADD CHECK (VALUE IN ('expire_taker', 'expire_maker', 'expire_both', 'decrement', 'none'))`;
