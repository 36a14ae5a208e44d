import type { Tx } from "../../../lib/db.ts";
import { createOutbox } from "../../../lib/event-bus/schema.ts";

/** Users. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(USERS);
	await createOutbox(tx);
}

/** Names and addresses are kept as they were given and are unique whatever their case; `version` counts the events. */
const USERS = `
	CREATE TABLE users (
		user_id uuid PRIMARY KEY,
		username text NOT NULL CHECK (username ~ '^[A-Za-z0-9_.-]{3,32}$'),
		email text NOT NULL CHECK (length(email) <= 254),
		status text NOT NULL CHECK (status IN ('active', 'suspended')),
		roles text[] NOT NULL CHECK (roles <@ ARRAY['trader', 'admin', 'auditor']),
		version integer NOT NULL CHECK (version > 0),
		created_at timestamptz NOT NULL,
		updated_at timestamptz NOT NULL
	);
	CREATE UNIQUE INDEX users_username_key ON users (lower(username));
	CREATE UNIQUE INDEX users_email_key ON users (lower(email))`;
