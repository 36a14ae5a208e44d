import type { Tx } from "../../../lib/db.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";

/** Credentials, sessions with their refresh tokens, and signing keys. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(CREDENTIALS);
	await tx.query(SESSIONS);
	await tx.query(SIGNING_KEYS);
	await createOutbox(tx);
	await createInbox(tx);
}

/** `suspended` follows the event of the user with the number `user_version`. */
const CREDENTIALS = `
	CREATE TABLE credentials (
		user_id uuid PRIMARY KEY,
		password_hash text NOT NULL,
		suspended boolean NOT NULL DEFAULT false,
		user_version integer NOT NULL DEFAULT 0,
		created_at timestamptz NOT NULL DEFAULT now()
	)`;

/** A session is a family of refresh tokens. Only that of its `generation` is good; an older one betrays a thief. */
const SESSIONS = `
	CREATE TABLE sessions (
		session_id uuid PRIMARY KEY,
		user_id uuid NOT NULL REFERENCES credentials (user_id) ON DELETE CASCADE,
		ip text NOT NULL,
		user_agent text NOT NULL,
		generation integer NOT NULL CHECK (generation > 0),
		event_seq integer NOT NULL CHECK (event_seq > 0),
		created_at timestamptz NOT NULL,
		last_used_at timestamptz NOT NULL,
		expires_at timestamptz NOT NULL,
		revoked_at timestamptz
	);
	CREATE INDEX sessions_live ON sessions (user_id, last_used_at DESC) WHERE revoked_at IS NULL;
	CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
	CREATE INDEX sessions_expiring ON sessions (expires_at);
	CREATE TABLE refresh_tokens (
		token_hash text PRIMARY KEY,
		session_id uuid NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
		generation integer NOT NULL CHECK (generation > 0),
		UNIQUE (session_id, generation)
	)`;

const SIGNING_KEYS = `
	CREATE TABLE signing_keys (
		kid text PRIMARY KEY,
		private_jwk jsonb NOT NULL,
		public_jwk jsonb NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now()
	)`;
