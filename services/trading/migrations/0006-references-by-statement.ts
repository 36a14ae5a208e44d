import type { Tx } from "../../../lib/db.ts";

/**
 * What rows refer to is looked for once per statement. A foreign key looks, and locks what it finds, once per row, and
 * seven rows of an order refer to something; the lock is against a removal that never comes, and is now refused.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(FOREIGN_KEYS);
	await tx.query(KEPT);
	await tx.query(POSTINGS);
	await tx.query(TRADES);
}

/** Whatever is written of a market comes behind its fence, which has found and locked the market's row. */
const FOREIGN_KEYS = `
	ALTER TABLE postings DROP CONSTRAINT postings_owner_asset_fkey;
	ALTER TABLE orders DROP CONSTRAINT orders_symbol_fkey;
	ALTER TABLE trades DROP CONSTRAINT trades_symbol_fkey, DROP CONSTRAINT trades_maker_order_id_fkey,
		DROP CONSTRAINT trades_taker_order_id_fkey;
	ALTER TABLE positions DROP CONSTRAINT positions_symbol_fkey`;

const KEPT = `
	CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		RAISE EXCEPTION 'rows of % are referred to: they stay', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
	END $guard$;
	CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF owner, asset ON accounts
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
	CREATE TRIGGER markets_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF symbol ON markets
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
	CREATE TRIGGER orders_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF order_id ON orders
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`;

const POSTINGS = `
	CREATE FUNCTION refuse_postings_of_nobody() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		IF EXISTS (SELECT FROM new_postings p LEFT JOIN accounts a USING (owner, asset) WHERE a.owner IS NULL)
		THEN
			RAISE EXCEPTION 'a posting on no account' USING ERRCODE = 'foreign_key_violation';
		END IF;
		RETURN NULL;
	END $guard$;
	CREATE TRIGGER postings_of_accounts AFTER INSERT ON postings REFERENCING NEW TABLE AS new_postings
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_postings_of_nobody()`;

/** Joins, which by keys are looked up one by one; subqueries behind an OR would read all orders into a table. */
const TRADES = `
	CREATE FUNCTION refuse_trades_of_no_orders() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		IF EXISTS (SELECT FROM new_trades t
			LEFT JOIN orders m ON m.order_id = t.maker_order_id
			LEFT JOIN orders k ON k.order_id = t.taker_order_id
			WHERE m.order_id IS NULL OR k.order_id IS NULL)
		THEN
			RAISE EXCEPTION 'a trade of no order' USING ERRCODE = 'foreign_key_violation';
		END IF;
		RETURN NULL;
	END $guard$;
	CREATE TRIGGER trades_of_orders AFTER INSERT ON trades REFERENCING NEW TABLE AS new_trades
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_trades_of_no_orders()`;
