import type { Db, Tx } from "./db.ts";
import type { Json } from "./kernel/canonical-json.ts";

/** The rule for an idempotency key: 1-64 characters, none of them a control character. */
export const idempotencyKey = { type: "string", min: 1, max: 64, pattern: /^\P{C}*$/u } as const;
/** The same where it may be left out. */
export const optionalKey = { ...idempotencyKey, optional: true } as const;

/** How long a key is kept at least, as with Stripe; of one user no more keys than the last `MAX_KEYS_PER_USER`. */
const KEPT = "interval '24 hours'";
const MAX_KEYS_PER_USER = 1_000;
/** Rows per statement: small enough to hold up nobody. */
const MAX_SWEPT = 1_000;

const IDEMPOTENCY_KEYS = `
	CREATE TABLE idempotency_keys (
		user_id uuid NOT NULL,
		key text NOT NULL,
		action text NOT NULL,
		fingerprint text NOT NULL,
		answer json,
		created_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (user_id, key)
	);
	CREATE INDEX idempotency_keys_of_user ON idempotency_keys (user_id, created_at);
	CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)`;

/** A request under a key; the fingerprint tells it from others. */
export interface KeyedRequest {
	readonly userId: string;
	readonly key: string;
	readonly action: string;
	readonly fingerprint: string;
}

/** The request that came first under a key; `answer` is null until it has been served, in that transaction alone. */
export type KeptRequest = Pick<KeyedRequest, "action" | "fingerprint"> & { readonly answer: Json };

/** Creates the table of keys: for a migration of a service with the mixin `idempotency`. */
export async function createIdempotencyKeys(tx: Tx): Promise<void> {
	await tx.query(IDEMPOTENCY_KEYS);
}

/** The request that was served under this key, or null. */
export async function findServed(db: Db, userId: string, key: string): Promise<KeptRequest | null> {
	const [row] = await db.query<KeptRequest>(
		"SELECT action, fingerprint, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2",
		[userId, key],
	);
	return row ?? null;
}

/**
 * Takes the key for a request unless another has it, and waits for one that is being served under it. Gives the one
 * that has it.
 */
export async function claimKey(tx: Tx, { userId, key, action, fingerprint }: KeyedRequest): Promise<KeptRequest> {
	const [row] = await tx.query<KeptRequest>(
		`INSERT INTO idempotency_keys (user_id, key, action, fingerprint) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key RETURNING action, fingerprint, answer`,
		[userId, key, action, fingerprint],
	);
	if (!row) throw new Error("an upsert gives its row");
	return row;
}

/** Keeps the answer with the key that its request has taken, and forgets what is more than the user keeps. */
export function keepAnswer(tx: Tx, { userId, key }: KeyedRequest, answer: object): void {
	tx.execute("UPDATE idempotency_keys SET answer = $3 WHERE user_id = $1 AND key = $2", [
		userId,
		key,
		JSON.stringify(answer),
	]);
	tx.execute(
		`DELETE FROM idempotency_keys WHERE user_id = $1 AND created_at < (
			SELECT created_at FROM idempotency_keys WHERE user_id = $1
			ORDER BY created_at DESC OFFSET ${MAX_KEYS_PER_USER - 1} LIMIT 1)`,
		[userId],
	);
}

/** Forgets the keys that have been kept for long enough; gives how many. */
export async function sweepKeys(db: Db): Promise<number> {
	for (let swept = 0; ; ) {
		const rows = await db.query(
			`DELETE FROM idempotency_keys WHERE (user_id, key) IN (
				SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - ${KEPT}
				ORDER BY created_at LIMIT ${MAX_SWEPT} FOR UPDATE SKIP LOCKED
			) RETURNING user_id`,
		);
		swept += rows.length;
		if (rows.length < MAX_SWEPT) return swept;
	}
}
