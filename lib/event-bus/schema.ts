import type { Tx } from "../db.ts";

/**
 * Makes the tables of a database that tells events. `outbox` is append-only and kept: it is this service's part of the
 * history. `outbox_queue` names the rows that the transport has not accepted yet, `outbox_receipt` the last one that it
 * has, and `outbox_floor` the last one before which every consumer has handled all.
 */
export async function createOutbox(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE outbox (
			position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			event_id uuid NOT NULL,
			type text NOT NULL,
			aggregate_id text NOT NULL,
			aggregate_seq bigint NOT NULL CHECK (aggregate_seq > 0),
			version smallint NOT NULL,
			data json NOT NULL,
			correlation_id text NOT NULL,
			causation_id text,
			actor json,
			occurred_at timestamptz(3) NOT NULL,
			UNIQUE (aggregate_id, aggregate_seq)
		)`);
	await tx.query("CREATE INDEX outbox_occurred_at ON outbox USING brin (occurred_at)");
	await tx.query("CREATE TABLE outbox_queue (position bigint PRIMARY KEY)");
	await tx.query(`
		CREATE TABLE outbox_receipt (
			only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
			receipt json NOT NULL
		)`);
	await addFloor(tx);
}

/** Adds to an outbox what it knows of how far its events are handled: nothing yet. */
export async function addFloor(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE IF NOT EXISTS outbox_floor (
			only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
			position bigint,
			places text[] NOT NULL DEFAULT '{}',
			checkpoint json
		)`);
	await tx.query("INSERT INTO outbox_floor DEFAULT VALUES ON CONFLICT DO NOTHING");
}

/** Adds to an outbox from before events told who is behind them the column for it. */
export async function addActor(tx: Tx): Promise<void> {
	await tx.query("ALTER TABLE outbox ADD COLUMN IF NOT EXISTS actor json");
}

/** Makes the tables of a database that takes events in. `inbox` has every event taken over from the transport. */
export async function createInbox(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE inbox (
			event_id uuid PRIMARY KEY,
			taken_at timestamptz NOT NULL DEFAULT now()
		)`);
	await createDeliveries(tx);
}

/** Makes the table of the events that were taken over and cannot be handled yet, or never will be: the dead letters. */
export async function createDeliveries(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE deliveries (
			event_id uuid PRIMARY KEY,
			aggregate_id text NOT NULL,
			aggregate_seq bigint NOT NULL,
			envelope json NOT NULL,
			state text NOT NULL CHECK (state IN ('retrying', 'parked', 'dead')),
			attempts integer NOT NULL,
			last_error text,
			next_try_at timestamptz NOT NULL,
			created_at timestamptz NOT NULL DEFAULT now()
		)`);
	await tx.query("CREATE INDEX deliveries_live ON deliveries (aggregate_id, aggregate_seq) WHERE state <> 'dead'");
}
