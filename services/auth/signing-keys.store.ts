import type { JWK } from "jose";
import type { Db, Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";

/** A key of access tokens, with its private part. */
export interface KeyPair {
	readonly kid: string;
	readonly private_jwk: JWK;
	readonly public_jwk: JWK;
}

/** A signing key as it is kept: since when, and for how many seconds by the database's clock. */
export type KeptKey = KeyPair & { readonly created_at: Date; readonly age_s: number };

/** Makes this the only transaction that may change which signing keys there are. */
export async function lockSigningKeys(tx: Tx): Promise<void> {
	await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.signingKey]);
}

/** Newest first. */
export async function listSigningKeys(db: Pick<Db | Tx, "query">): Promise<KeptKey[]> {
	return db.query<KeptKey>(
		`SELECT kid, private_jwk, public_jwk, created_at,
			extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_s
		FROM signing_keys ORDER BY created_at DESC, kid`,
	);
}

/** Their ids. */
export async function listKeyIds(db: Db): Promise<string[]> {
	const rows = await db.query<{ readonly kid: string }>("SELECT kid FROM signing_keys");
	return rows.map(({ kid }) => kid);
}

/** Adds a signing key. */
export async function insertSigningKey(tx: Tx, key: KeyPair): Promise<void> {
	await tx.query("INSERT INTO signing_keys (kid, private_jwk, public_jwk) VALUES ($1, $2, $3)", [
		key.kid,
		JSON.stringify(key.private_jwk),
		JSON.stringify(key.public_jwk),
	]);
}

/** Forgets signing keys: what they have signed is good no more. */
export async function deleteSigningKeys(tx: Tx, kids: readonly string[]): Promise<void> {
	await tx.query("DELETE FROM signing_keys WHERE kid = ANY ($1::text[])", [kids]);
}
