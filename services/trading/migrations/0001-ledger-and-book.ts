import type { Tx } from "../../../lib/db.ts";
import { createOutbox } from "../../../lib/event-bus/schema.ts";

/** Markets with their writers' leases, accounts, the ledger, orders in execution, trades and transfers. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(MARKETS);
	await tx.query(ACCOUNTS);
	await tx.query(LEDGER);
	await tx.query(LEDGER_GUARDS);
	await tx.query(ORDERS);
	await tx.query(TRADES);
	await tx.query(FILLS);
	await tx.query(TRANSFERS);
	await createOutbox(tx);
}

/**
 * A market's writer is whoever holds the row: `epoch` grows at each take-over, a commit under an old one fails.
 * `book_seq` grows with each commit that changes the book.
 */
const MARKETS = `
	CREATE TABLE markets (
		symbol text PRIMARY KEY,
		base_asset text NOT NULL,
		quote_asset text NOT NULL,
		tick_size numeric NOT NULL CHECK (tick_size > 0 AND tick_size <> 'NaN'),
		lot_size numeric NOT NULL CHECK (lot_size > 0 AND lot_size <> 'NaN'),
		maker_fee_bps integer NOT NULL CHECK (maker_fee_bps BETWEEN 0 AND 10000),
		taker_fee_bps integer NOT NULL CHECK (taker_fee_bps BETWEEN 0 AND 10000),
		status text NOT NULL CHECK (status IN ('trading', 'halted')),
		owner_node text,
		owner_instance text,
		epoch bigint NOT NULL DEFAULT 0,
		book_seq bigint NOT NULL DEFAULT 0,
		lease_until timestamptz NOT NULL DEFAULT '-infinity'
	)`;

/** NaN is greater than every number in PostgreSQL, so it passes `>= 0`: it is named. */
const ACCOUNTS = `
	CREATE TABLE accounts (
		owner text NOT NULL,
		asset text NOT NULL,
		kind text NOT NULL CHECK (kind IN ('user', 'system')),
		balance numeric NOT NULL CHECK (balance <> 'NaN'),
		held numeric NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <> 'NaN'),
		PRIMARY KEY (owner, asset),
		CONSTRAINT accounts_solvent CHECK (kind = 'system' OR balance >= held)
	)`;

const LEDGER = `
	CREATE TABLE postings (
		posting_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		journal_id uuid NOT NULL,
		kind text NOT NULL CHECK (kind IN ('deposit', 'withdrawal', 'trade', 'fee')),
		reference_id uuid NOT NULL,
		owner text NOT NULL,
		asset text NOT NULL,
		amount numeric NOT NULL CHECK (amount <> 0 AND amount <> 'NaN'),
		created_at timestamptz NOT NULL DEFAULT now(),
		FOREIGN KEY (owner, asset) REFERENCES accounts (owner, asset)
	);
	CREATE INDEX postings_by_owner ON postings (owner, posting_id DESC)`;

/** The ledger defends itself: a journal that does not add up to 0 is refused whole, and no line is ever changed. */
const LEDGER_GUARDS = `
	CREATE FUNCTION refuse_unbalanced_journal() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		IF EXISTS (SELECT 1 FROM new_postings GROUP BY journal_id, asset HAVING sum(amount) <> 0) THEN
			RAISE EXCEPTION 'unbalanced journal' USING ERRCODE = 'integrity_constraint_violation';
		END IF;
		RETURN NULL;
	END $guard$;
	CREATE TRIGGER postings_balanced AFTER INSERT ON postings REFERENCING NEW TABLE AS new_postings
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_journal();
	CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
	END $guard$;
	CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()`;

/** Prices in ticks and quantities in lots of the market; money as decimals of the asset. */
const ORDERS = `
	CREATE TABLE orders (
		order_id uuid PRIMARY KEY,
		user_id uuid NOT NULL,
		symbol text NOT NULL REFERENCES markets (symbol),
		side text NOT NULL CHECK (side IN ('buy', 'sell')),
		price_ticks bigint CHECK (price_ticks > 0),
		rests boolean NOT NULL,
		quantity_lots bigint NOT NULL CHECK (quantity_lots > 0),
		filled_lots bigint NOT NULL CHECK (filled_lots BETWEEN 0 AND quantity_lots),
		filled_notional numeric NOT NULL CHECK (filled_notional >= 0 AND filled_notional <> 'NaN'),
		fee numeric NOT NULL CHECK (fee >= 0 AND fee <> 'NaN'),
		hold numeric NOT NULL CHECK (hold >= 0 AND hold <> 'NaN'),
		status text NOT NULL
			CHECK (status IN ('open', 'partially_filled', 'filled', 'canceled', 'expired', 'rejected')),
		reject_code text,
		report_seq integer NOT NULL CHECK (report_seq > 0),
		arrival_seq bigint NOT NULL,
		created_at timestamptz NOT NULL,
		updated_at timestamptz NOT NULL,
		UNIQUE (symbol, arrival_seq),
		CONSTRAINT orders_hold_while_working CHECK (hold = 0 OR status IN ('open', 'partially_filled'))
	);
	CREATE INDEX orders_working ON orders (symbol, arrival_seq) WHERE status IN ('open', 'partially_filled')`;

/** One row holds both sides of a trade, so they cannot differ; \`fills\` shows each side by itself. */
const TRADES = `
	CREATE TABLE trades (
		trade_id uuid PRIMARY KEY,
		symbol text NOT NULL REFERENCES markets (symbol),
		trade_seq bigint NOT NULL,
		price numeric NOT NULL CHECK (price > 0 AND price <> 'NaN'),
		quantity numeric NOT NULL CHECK (quantity > 0 AND quantity <> 'NaN'),
		taker_side text NOT NULL CHECK (taker_side IN ('buy', 'sell')),
		maker_order_id uuid NOT NULL REFERENCES orders (order_id),
		taker_order_id uuid NOT NULL REFERENCES orders (order_id),
		maker_user_id uuid NOT NULL,
		taker_user_id uuid NOT NULL,
		maker_fee numeric NOT NULL CHECK (maker_fee >= 0 AND maker_fee <> 'NaN'),
		taker_fee numeric NOT NULL CHECK (taker_fee >= 0 AND taker_fee <> 'NaN'),
		maker_report_seq integer NOT NULL,
		taker_report_seq integer NOT NULL,
		created_at timestamptz NOT NULL,
		UNIQUE (symbol, trade_seq),
		CHECK (maker_user_id <> taker_user_id)
	);
	CREATE INDEX trades_by_maker_order ON trades (maker_order_id);
	CREATE INDEX trades_by_taker_order ON trades (taker_order_id);
	CREATE INDEX trades_by_maker ON trades (maker_user_id, trade_id DESC);
	CREATE INDEX trades_by_taker ON trades (taker_user_id, trade_id DESC)`;

/** Each trade as its two sides see it. */
export const FILLS = `
	CREATE VIEW fills AS
		SELECT trade_id, maker_order_id AS order_id, maker_user_id AS user_id, symbol,
			CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END AS side, 'maker' AS liquidity,
			price, quantity, maker_fee AS fee, maker_report_seq AS report_seq, created_at FROM trades
		UNION ALL
		SELECT trade_id, taker_order_id, taker_user_id, symbol, taker_side, 'taker',
			price, quantity, taker_fee, taker_report_seq, created_at FROM trades`;

const TRANSFERS = `
	CREATE TABLE transfers (
		transfer_id uuid PRIMARY KEY,
		actor_id uuid NOT NULL,
		idempotency_key text NOT NULL,
		kind text NOT NULL CHECK (kind IN ('deposit', 'withdrawal')),
		user_id uuid NOT NULL,
		asset text NOT NULL,
		amount numeric NOT NULL CHECK (amount > 0 AND amount <> 'NaN'),
		created_at timestamptz NOT NULL DEFAULT now(),
		UNIQUE (actor_id, idempotency_key)
	)`;
