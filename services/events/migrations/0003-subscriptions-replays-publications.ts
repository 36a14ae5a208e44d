import type { Tx } from "../../../lib/db.ts";
import { createOutbox } from "../../../lib/event-bus/schema.ts";

/** Subscriptions, replays, what others publish, and an outbox to tell of them; whom an event is about. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(HISTORY);
	await tx.query(SUBSCRIPTIONS);
	await tx.query(REPLAYS);
	await tx.query(PUBLICATIONS);
	await createOutbox(tx);
}

/** `recorded_at` follows the position, since it is read under the history's lock; what was removed is counted. */
const HISTORY = `
	ALTER TABLE events ADD COLUMN user_id uuid;
	UPDATE events SET user_id = substring(data::text FROM '"user_id":"([0-9a-f-]{36})"')::uuid
		WHERE data::text LIKE '%"user_id":"%';
	ALTER TABLE events ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
	CREATE INDEX events_recorded_at ON events (recorded_at);
	CREATE TABLE removed_events (
		only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
		count bigint NOT NULL
	)`;

/** `position` is the last one that was dealt with; one that is ending is over at `end_position`. */
const SUBSCRIPTIONS = `
	CREATE TABLE subscriptions (
		subscription_id uuid PRIMARY KEY,
		user_id uuid NOT NULL,
		scope text NOT NULL CHECK (scope IN ('own', 'all')),
		types text[] NOT NULL CHECK (cardinality(types) > 0),
		url text NOT NULL,
		secret text NOT NULL,
		status text NOT NULL CHECK (status IN ('active', 'ending', 'disabled')),
		position bigint NOT NULL,
		end_position bigint,
		failures integer NOT NULL DEFAULT 0,
		last_error text,
		next_try_at timestamptz NOT NULL DEFAULT now(),
		version integer NOT NULL DEFAULT 1,
		created_at timestamptz NOT NULL DEFAULT now(),
		CHECK ((status = 'ending') = (end_position IS NOT NULL))
	);
	CREATE INDEX subscriptions_user ON subscriptions (user_id, created_at)`;

const REPLAYS = `
	CREATE TABLE replays (
		replay_id uuid PRIMARY KEY,
		consumer text NOT NULL,
		again boolean NOT NULL,
		status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done')),
		position bigint NOT NULL,
		end_position bigint NOT NULL,
		handed_over bigint NOT NULL DEFAULT 0,
		last_error text,
		requested_by uuid NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now()
	);
	CREATE INDEX replays_running ON replays (created_at) WHERE status = 'running'`;

/** What was published under an id stands in the outbox under that aggregate and number. */
const PUBLICATIONS = `
	CREATE TABLE publications (
		event_id uuid PRIMARY KEY,
		aggregate_id text NOT NULL,
		aggregate_seq bigint NOT NULL
	);
	CREATE TABLE published_aggregates (
		aggregate_id text PRIMARY KEY,
		last_seq bigint NOT NULL
	)`;
