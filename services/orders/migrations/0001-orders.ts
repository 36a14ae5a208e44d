import type { Tx } from "../../../lib/db.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";

/** Orders as their owners see them, and how many of each owner's are open. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(ORDERS);
	await tx.query(OPEN_ORDERS);
	await createOutbox(tx);
	await createInbox(tx);
}

const ORDERS = `
	CREATE TABLE orders (
		order_id uuid PRIMARY KEY,
		user_id uuid NOT NULL,
		client_order_id text,
		symbol text NOT NULL,
		side text NOT NULL CHECK (side IN ('buy', 'sell')),
		order_type text NOT NULL CHECK (order_type IN ('limit', 'market')),
		time_in_force text NOT NULL CHECK (time_in_force IN ('gtc', 'ioc')),
		quantity numeric NOT NULL CHECK (quantity > 0 AND quantity <> 'NaN'),
		price numeric CHECK (price > 0 AND price <> 'NaN'),
		status text NOT NULL CHECK (status IN
			('pending', 'open', 'partially_filled', 'filled', 'canceled', 'expired', 'rejected')),
		reject_code text,
		filled_quantity numeric NOT NULL DEFAULT 0 CHECK (filled_quantity BETWEEN 0 AND quantity),
		filled_notional numeric NOT NULL DEFAULT 0 CHECK (filled_notional >= 0 AND filled_notional <> 'NaN'),
		average_price numeric CHECK (average_price > 0 AND average_price <> 'NaN'),
		fee numeric NOT NULL DEFAULT 0 CHECK (fee >= 0 AND fee <> 'NaN'),
		fee_asset text NOT NULL,
		metadata jsonb NOT NULL,
		version integer NOT NULL DEFAULT 1,
		event_seq integer NOT NULL DEFAULT 1,
		report_seq integer NOT NULL DEFAULT 0,
		correlation_id text NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now(),
		closed_at timestamptz,
		CONSTRAINT orders_client_order_id UNIQUE (user_id, client_order_id),
		CONSTRAINT orders_closed_when_terminal
			CHECK ((closed_at IS NOT NULL) = (status IN ('filled', 'canceled', 'expired', 'rejected'))),
		CONSTRAINT orders_filled_to_the_last CHECK ((status = 'filled') = (filled_quantity = quantity))
	);
	CREATE INDEX orders_by_user ON orders (user_id, order_id DESC);
	CREATE INDEX orders_open_by_user ON orders (user_id, order_id) WHERE closed_at IS NULL;
	CREATE INDEX orders_pending ON orders (created_at) WHERE status = 'pending'`;

/** One row per user, counted in the transaction that opens or closes an order: exact, whoever counts at once. */
const OPEN_ORDERS = `
	CREATE TABLE open_orders (
		user_id uuid PRIMARY KEY,
		count integer NOT NULL CHECK (count >= 0)
	)`;
