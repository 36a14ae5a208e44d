import type { Scope } from "../../contracts/common.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { FORGOTTEN, MAX_SWEPT } from "./auth.store.ts";

/** What a key is made with. */
interface Draft {
	readonly key_id: string;
	readonly user_id: string;
	readonly secret_hash: string;
	readonly name: string;
	readonly scopes: readonly Scope[];
	readonly ip_allow: readonly string[] | null;
}

export interface ApiKeyRow extends Draft {
	readonly created_at: Date;
	readonly last_used_at: Date | null;
}

/** A use is noted at most this often. */
const USE_INTERVAL = "interval '1 minute'";

/** How many keys the user has. */
export async function countKeys(tx: Tx, userId: string): Promise<number> {
	const [row] = await tx.query<{ count: number }>(
		"SELECT count(*)::int AS count FROM api_keys WHERE user_id = $1 AND NOT deleted",
		[userId],
	);
	return row?.count ?? 0;
}

/** Adds a key. */
export async function insertKey(tx: Tx, key: Draft): Promise<ApiKeyRow> {
	const [row] = await tx.query<ApiKeyRow>(
		`INSERT INTO api_keys (key_id, user_id, secret_hash, name, scopes, ip_allow)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING *`,
		[key.key_id, key.user_id, key.secret_hash, key.name, key.scopes, key.ip_allow],
	);
	if (!row) throw new Error("an insert gives its row");
	return row;
}

/** The keys of a user, newest first. */
export async function listKeys(db: Db, userId: string): Promise<ApiKeyRow[]> {
	return db.query<ApiKeyRow>("SELECT * FROM api_keys WHERE user_id = $1 AND NOT deleted ORDER BY key_id DESC", [
		userId,
	]);
}

/** What is kept of a key's secret, or null: a row in any case, so that it takes as long for a key that is not there. */
export async function findSecretHash(db: Db, keyId: string): Promise<string | null> {
	const [row] = await db.query<{ secret_hash: string | null }>(
		"SELECT (SELECT secret_hash FROM api_keys WHERE key_id = $1 AND NOT deleted) AS secret_hash",
		[keyId],
	);
	return row?.secret_hash ?? null;
}

/** The key of that id, or null. */
export async function findKey(db: Db, keyId: string): Promise<ApiKeyRow | null> {
	const [row] = await db.query<ApiKeyRow>("SELECT * FROM api_keys WHERE key_id = $1 AND NOT deleted", [keyId]);
	return row ?? null;
}

/** Deletes the user's key; false when there is none such. */
export async function deleteKey(tx: Tx, userId: string, keyId: string): Promise<boolean> {
	const rows = await tx.query(
		`UPDATE api_keys SET deleted = true, ended_at = clock_timestamp()
		WHERE key_id = $1 AND user_id = $2 AND NOT deleted RETURNING key_id`,
		[keyId, userId],
	);
	return rows.length > 0;
}

/** Notes that gateways must ask again for the keys of a user; false when there are none. */
export async function endKeys(tx: Tx, userId: string): Promise<boolean> {
	const rows = await tx.query(
		"UPDATE api_keys SET ended_at = clock_timestamp() WHERE user_id = $1 AND NOT deleted RETURNING key_id",
		[userId],
	);
	return rows.length > 0;
}

/** Notes that a key is in use. */
export async function noteUse(db: Db, keyId: string): Promise<void> {
	await db.query(
		`UPDATE api_keys SET last_used_at = now()
		WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < now() - ${USE_INTERVAL})`,
		[keyId],
	);
}

/** Forgets some of the keys that were deleted long enough ago. */
export async function sweepKeys(db: Db): Promise<void> {
	await db.query(
		`DELETE FROM api_keys WHERE key_id IN (
			SELECT key_id FROM api_keys WHERE deleted AND ended_at < ${FORGOTTEN}
			LIMIT ${MAX_SWEPT} FOR UPDATE SKIP LOCKED
		)`,
	);
}
