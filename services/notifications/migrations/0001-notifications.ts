import type { Tx } from "../../../lib/db.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";

/** Users as far as notifications need them, what they are told, and what is sent to them. */
export async function up(tx: Tx): Promise<void> {
	for (const table of [RECIPIENTS, PLACES, NOTIFICATIONS, BROADCAST_READS, WEBHOOKS, DISPATCHES]) await tx.query(table);
	await createOutbox(tx);
	await createInbox(tx);
}

/**
 * A user may be told something before `users` has told of the user: `email` and `since` are null until then. `seq` is
 * the number of the last event of `users`, `version` that of the last event about the choices.
 */
const RECIPIENTS = `
	CREATE TABLE recipients (
		user_id uuid PRIMARY KEY,
		email text,
		suspended boolean NOT NULL DEFAULT false,
		since timestamptz,
		seq bigint NOT NULL DEFAULT 0,
		choices jsonb NOT NULL DEFAULT '{}',
		version integer NOT NULL DEFAULT 0
	)`;

/** Where users have logged in from; session and time are of the first login there. */
const PLACES = `
	CREATE TABLE places (
		user_id uuid NOT NULL,
		ip text NOT NULL,
		session_id uuid NOT NULL,
		user_agent text NOT NULL,
		first_seen_at timestamptz(3) NOT NULL,
		last_seen_at timestamptz(3) NOT NULL,
		told boolean NOT NULL,
		PRIMARY KEY (user_id, ip)
	)`;

/**
 * Ids are ordered by the time of what is told of. One for everybody has no user: it is one row however many users there
 * are. Not in the inbox are those that are only sent.
 */
const NOTIFICATIONS = `
	CREATE TABLE notifications (
		notification_id uuid PRIMARY KEY,
		user_id uuid,
		kind text NOT NULL,
		key text NOT NULL,
		title text NOT NULL,
		body text NOT NULL,
		data json NOT NULL,
		in_inbox boolean NOT NULL,
		created_at timestamptz(3) NOT NULL,
		read_at timestamptz(3),
		CONSTRAINT notifications_once UNIQUE NULLS NOT DISTINCT (user_id, kind, key)
	);
	CREATE INDEX notifications_inbox ON notifications (user_id, notification_id DESC)`;

const BROADCAST_READS = `
	CREATE TABLE broadcast_reads (
		notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
		user_id uuid NOT NULL,
		read_at timestamptz(3) NOT NULL,
		PRIMARY KEY (notification_id, user_id)
	)`;

/** `version` counts the events. */
const WEBHOOKS = `
	CREATE TABLE webhooks (
		webhook_id uuid PRIMARY KEY,
		user_id uuid NOT NULL,
		url text NOT NULL CHECK (length(url) <= 2048),
		secret text NOT NULL,
		kinds text[],
		version integer NOT NULL DEFAULT 1,
		disabled_at timestamptz(3),
		last_success_at timestamptz(3),
		last_error text,
		created_at timestamptz(3) NOT NULL DEFAULT now()
	);
	CREATE INDEX webhooks_of_user ON webhooks (user_id)`;

/**
 * What is to be sent, or was: by mail where there is no webhook. `next_try_at` of one that is being sent is when its
 * sender is given up. Those of one lane, a webhook's or a user's mail, are sent a few at
 * a time.
 */
const DISPATCHES = `
	CREATE TABLE dispatches (
		dispatch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
		user_id uuid NOT NULL,
		webhook_id uuid REFERENCES webhooks ON DELETE CASCADE,
		lane text NOT NULL GENERATED ALWAYS AS (coalesce(webhook_id::text, 'mail:' || user_id)) STORED,
		state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
		attempts integer NOT NULL DEFAULT 0,
		last_error text,
		next_try_at timestamptz(3) NOT NULL DEFAULT now(),
		created_at timestamptz(3) NOT NULL DEFAULT now(),
		finished_at timestamptz(3),
		CHECK ((finished_at IS NULL) = (state = 'pending')),
		CONSTRAINT dispatches_once UNIQUE NULLS NOT DISTINCT (notification_id, user_id, webhook_id)
	);
	CREATE INDEX dispatches_due ON dispatches ((webhook_id IS NULL), next_try_at) WHERE state = 'pending';
	CREATE INDEX dispatches_of_webhook ON dispatches (webhook_id, dispatch_id DESC) WHERE webhook_id IS NOT NULL`;
