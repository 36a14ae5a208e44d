import type { Tx } from "../../../lib/db.ts";

/** API keys. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(API_KEYS);
}

/** `ended_at` is when a key was deleted or its owner last suspended, for gateways that remember it as good. */
const API_KEYS = `
	CREATE TABLE api_keys (
		key_id uuid PRIMARY KEY,
		user_id uuid NOT NULL REFERENCES credentials (user_id) ON DELETE CASCADE,
		secret_hash text NOT NULL,
		name text NOT NULL,
		scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'trade']),
		ip_allow text[] CHECK (cardinality(ip_allow) > 0),
		created_at timestamptz NOT NULL DEFAULT now(),
		last_used_at timestamptz,
		ended_at timestamptz,
		deleted boolean NOT NULL DEFAULT false CHECK (NOT deleted OR ended_at IS NOT NULL)
	);
	CREATE INDEX api_keys_live ON api_keys (user_id) WHERE NOT deleted;
	CREATE INDEX api_keys_ended ON api_keys (ended_at) WHERE ended_at IS NOT NULL`;
