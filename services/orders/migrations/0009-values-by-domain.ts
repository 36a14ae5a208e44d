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
	CREATE DOMAIN percentage AS numeric;
	CREATE DOMAIN order_side AS text;
	CREATE DOMAIN order_type AS text;
	CREATE DOMAIN time_in_force AS text;
	CREATE DOMAIN order_status AS text;
	CREATE DOMAIN self_trade_prevention AS text`;

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
		ALTER trail_percent TYPE percentage,
		ALTER filled_notional TYPE not_negative,
		ALTER fee TYPE not_negative,
		ALTER side TYPE order_side,
		ALTER order_type TYPE order_type,
		ALTER time_in_force TYPE time_in_force,
		ALTER status TYPE order_status,
		ALTER self_trade_prevention TYPE self_trade_prevention`;

const VALUES = `
	ALTER DOMAIN positive ADD CHECK (VALUE > 0 AND VALUE <> 'NaN');
	ALTER DOMAIN not_negative ADD CHECK (VALUE >= 0 AND VALUE <> 'NaN');
	ALTER DOMAIN percentage ADD CHECK (VALUE > 0 AND VALUE < 100);
	ALTER DOMAIN order_side ADD CHECK (VALUE IN ('buy', 'sell'));
	ALTER DOMAIN order_type ADD CHECK (VALUE IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop'));
	ALTER DOMAIN time_in_force ADD CHECK (VALUE IN ('gtc', 'ioc', 'fok', 'day', 'gtd'));
	ALTER DOMAIN order_status ADD CHECK (VALUE IN ('pending', 'held', 'open', 'partially_filled', 'filled', 'canceled',
		'expired', 'rejected', 'replaced'));
	ALTER DOMAIN self_trade_prevention
		ADD CHECK (VALUE IN ('expire_taker', 'expire_maker', 'expire_both', 'decrement', 'none'))`;
