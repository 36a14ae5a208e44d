import type { Tx } from "../../../lib/db.ts";
import { FILLS } from "./0001-ledger-and-book.ts";

/**
 * What a column may hold is said by its domain. PostgreSQL reads the checks of a table anew for each statement that
 * writes to it, some forty for an order that trades, and those of a domain once per connection. What several columns
 * must be together stays a check.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(DOMAINS);
	await tx.query(LEDGER);
	await tx.query(ORDERS);
	await tx.query(TRADES);
	await tx.query(MARKETS);
	await tx.query(VALUES);
}

/** Without constraints at first: a column of such a domain is not written anew. */
const DOMAINS = `
	CREATE DOMAIN not_nan AS numeric;
	CREATE DOMAIN not_zero AS numeric;
	CREATE DOMAIN positive AS numeric;
	CREATE DOMAIN not_negative AS numeric;
	CREATE DOMAIN ticks AS bigint;
	CREATE DOMAIN fee_bps AS integer;
	CREATE DOMAIN trail_bps AS integer;
	CREATE DOMAIN account_kind AS text;
	CREATE DOMAIN posting_kind AS text;
	CREATE DOMAIN market_status AS text;
	CREATE DOMAIN order_side AS text;
	CREATE DOMAIN order_type AS text;
	CREATE DOMAIN time_in_force AS text;
	CREATE DOMAIN order_status AS text;
	CREATE DOMAIN self_trade_prevention AS text`;

const LEDGER = `
	ALTER TABLE accounts
		DROP CONSTRAINT accounts_balance_check,
		DROP CONSTRAINT accounts_held_check,
		DROP CONSTRAINT accounts_kind_check,
		ALTER balance TYPE not_nan,
		ALTER held TYPE not_negative,
		ALTER kind TYPE account_kind;
	ALTER TABLE postings
		DROP CONSTRAINT postings_amount_check,
		DROP CONSTRAINT postings_kind_check,
		ALTER amount TYPE not_zero,
		ALTER kind TYPE posting_kind;
	ALTER TABLE positions
		DROP CONSTRAINT positions_lots_check,
		DROP CONSTRAINT positions_cost_check,
		DROP CONSTRAINT positions_realized_check,
		DROP CONSTRAINT positions_fees_check,
		ALTER lots TYPE not_nan,
		ALTER cost TYPE not_nan,
		ALTER realized TYPE not_nan,
		ALTER fees TYPE not_negative`;

const ORDERS = `
	ALTER TABLE orders
		DROP CONSTRAINT orders_notional_check,
		DROP CONSTRAINT orders_filled_notional_check,
		DROP CONSTRAINT orders_fee_check,
		DROP CONSTRAINT orders_hold_check,
		DROP CONSTRAINT orders_price_ticks_check,
		DROP CONSTRAINT orders_stop_check,
		DROP CONSTRAINT orders_side_check,
		DROP CONSTRAINT orders_type_check,
		DROP CONSTRAINT orders_time_in_force_check,
		DROP CONSTRAINT orders_status_check,
		DROP CONSTRAINT orders_self_trade_check,
		ALTER notional TYPE positive,
		ALTER filled_notional TYPE not_negative,
		ALTER fee TYPE not_negative,
		ALTER hold TYPE not_negative,
		ALTER price_ticks TYPE ticks,
		ALTER stop_ticks TYPE ticks,
		ALTER trail_ticks TYPE ticks,
		ALTER trail_bps TYPE trail_bps,
		ALTER side TYPE order_side,
		ALTER order_type TYPE order_type,
		ALTER time_in_force TYPE time_in_force,
		ALTER status TYPE order_status,
		ALTER self_trade_prevention TYPE self_trade_prevention`;

/** A column that a view shows cannot be altered. */
const TRADES = `
	DROP VIEW fills;
	ALTER TABLE trades
		DROP CONSTRAINT trades_price_check,
		DROP CONSTRAINT trades_quantity_check,
		DROP CONSTRAINT trades_maker_fee_check,
		DROP CONSTRAINT trades_taker_fee_check,
		DROP CONSTRAINT trades_taker_side_check,
		ALTER price TYPE positive,
		ALTER quantity TYPE positive,
		ALTER maker_fee TYPE not_negative,
		ALTER taker_fee TYPE not_negative,
		ALTER taker_side TYPE order_side;
	${FILLS}`;

const MARKETS = `
	ALTER TABLE markets
		DROP CONSTRAINT markets_tick_size_check,
		DROP CONSTRAINT markets_lot_size_check,
		DROP CONSTRAINT markets_maker_fee_bps_check,
		DROP CONSTRAINT markets_taker_fee_bps_check,
		DROP CONSTRAINT markets_status_check,
		ALTER tick_size TYPE positive,
		ALTER lot_size TYPE positive,
		ALTER maker_fee_bps TYPE fee_bps,
		ALTER taker_fee_bps TYPE fee_bps,
		ALTER status TYPE market_status`;

const VALUES = `
	ALTER DOMAIN not_nan ADD CHECK (VALUE <> 'NaN');
	ALTER DOMAIN not_zero ADD CHECK (VALUE <> 0 AND VALUE <> 'NaN');
	ALTER DOMAIN positive ADD CHECK (VALUE > 0 AND VALUE <> 'NaN');
	ALTER DOMAIN not_negative ADD CHECK (VALUE >= 0 AND VALUE <> 'NaN');
	ALTER DOMAIN ticks ADD CHECK (VALUE > 0);
	ALTER DOMAIN fee_bps ADD CHECK (VALUE BETWEEN 0 AND 10000);
	ALTER DOMAIN trail_bps ADD CHECK (VALUE BETWEEN 1 AND 9999);
	ALTER DOMAIN account_kind ADD CHECK (VALUE IN ('user', 'system'));
	ALTER DOMAIN posting_kind ADD CHECK (VALUE IN ('deposit', 'withdrawal', 'trade', 'fee'));
	ALTER DOMAIN market_status ADD CHECK (VALUE IN ('trading', 'cancel_only', 'halted'));
	ALTER DOMAIN order_side ADD CHECK (VALUE IN ('buy', 'sell'));
	ALTER DOMAIN order_type ADD CHECK (VALUE IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop'));
	ALTER DOMAIN time_in_force ADD CHECK (VALUE IN ('gtc', 'ioc', 'fok', 'day', 'gtd'));
	ALTER DOMAIN order_status ADD CHECK (VALUE IN ('held', 'open', 'partially_filled', 'filled', 'canceled', 'expired',
		'rejected', 'replaced'));
	ALTER DOMAIN self_trade_prevention
		ADD CHECK (VALUE IN ('expire_taker', 'expire_maker', 'expire_both', 'decrement', 'none'))`;
