import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { REMEMBERED_GENERATIONS, type SessionState } from "./domain/session.ts";

interface Credential {
	readonly password_hash: string;
	readonly suspended: boolean;
}

export interface SessionRow extends SessionState {
	readonly session_id: string;
	readonly user_id: string;
	readonly ip: string;
	readonly user_agent: string;
	readonly last_used_at: Date;
}

/** A session with the generation of the token that led to it, and the database's time. */
interface PresentedSession extends SessionRow {
	readonly presented: number;
	readonly now: Date;
}

export interface RevokedSession {
	readonly session_id: string;
	readonly user_id: string;
	readonly event_seq: number;
}

/** A session or an API key that ended; `ended_at` is the database's text of it, to the microsecond. */
interface Ended {
	readonly kind: "session" | "key";
	readonly id: string;
	readonly ended_at: string;
}

const LIVE = "revoked_at IS NULL AND expires_at > now()";

/** A transaction that revoked a session may commit this long after the time it wrote. */
const REVOCATION_OVERLAP = "interval '15 seconds'";

/** What ended goes once no gateway can take it for good, and then some for whoever looks into a theft. */
export const FORGOTTEN = "now() - interval '1 day'";
export const MAX_SWEPT = 1000;

/** Keeps a password for an id that no user may have yet. */
export async function insertCredential(db: Db, userId: string, passwordHash: string): Promise<void> {
	await db.query("INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2)", [userId, passwordHash]);
}

/** Forgets the password, and the sessions with it. */
export async function deleteCredential(db: Db, userId: string): Promise<void> {
	await db.query("DELETE FROM credentials WHERE user_id = $1", [userId]);
}

/** The password of that user as it is kept, or null. */
export async function findCredential(db: Db, userId: string): Promise<Credential | null> {
	const [row] = await db.query<Credential>("SELECT password_hash, suspended FROM credentials WHERE user_id = $1", [
		userId,
	]);
	return row ?? null;
}

/** The same; nobody else changes it before the transaction ends; meanwhile the user opens no other session. */
export async function lockCredential(tx: Tx, userId: string): Promise<Credential | null> {
	const [row] = await tx.query<Credential>(
		"SELECT password_hash, suspended FROM credentials WHERE user_id = $1 FOR UPDATE",
		[userId],
	);
	return row ?? null;
}

/** Keeps another password for a user. */
export async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<void> {
	await tx.query("UPDATE credentials SET password_hash = $2 WHERE user_id = $1", [userId, passwordHash]);
}

/** Notes what the user's event number `version` says of suspension; false when a later event has been. */
export async function followUser(tx: Tx, userId: string, version: number, suspended: boolean): Promise<boolean> {
	const rows = await tx.query(
		`UPDATE credentials SET suspended = $3, user_version = $2
		WHERE user_id = $1 AND user_version < $2 RETURNING user_id`,
		[userId, version, suspended],
	);
	return rows.length > 0;
}

/** Adds a session that ends after `idleMs` unless it is used. */
export async function insertSession(
	tx: Tx,
	session: Pick<SessionRow, "session_id" | "user_id" | "ip" | "user_agent">,
	idleMs: number,
): Promise<void> {
	await tx.query(
		`INSERT INTO sessions
			(session_id, user_id, ip, user_agent, generation, event_seq, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, 1, 1, now(), now(), now() + $5 * interval '1 millisecond')`,
		[session.session_id, session.user_id, session.ip, session.user_agent, idleMs],
	);
}

/** Adds the token of a generation to its session. */
export async function insertRefreshToken(
	tx: Tx,
	tokenHash: string,
	sessionId: string,
	generation: number,
): Promise<void> {
	await tx.query("INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES ($1, $2, $3)", [
		tokenHash,
		sessionId,
		generation,
	]);
}

/** The id of the user whom a refresh token was given to, or null for a token that nobody remembers. */
export async function findOwnerOfToken(db: Db, tokenHash: string): Promise<string | null> {
	const [row] = await db.query<{ user_id: string }>(
		"SELECT user_id FROM refresh_tokens JOIN sessions USING (session_id) WHERE token_hash = $1",
		[tokenHash],
	);
	return row?.user_id ?? null;
}

/** The session that a refresh token belongs to, locked, or null for a token that nobody remembers. */
export async function lockSessionOfToken(tx: Tx, tokenHash: string): Promise<PresentedSession | null> {
	const [row] = await tx.query<PresentedSession>(
		`SELECT s.*, c.suspended, t.generation AS presented, now() AS now
		FROM refresh_tokens t JOIN sessions s USING (session_id) JOIN credentials c USING (user_id)
		WHERE t.token_hash = $1 FOR UPDATE OF c, s`,
		[tokenHash],
	);
	return row ?? null;
}

/** Makes `generation` the session's good one, and forgets the tokens that are too old to matter. */
export async function rotateSession(tx: Tx, sessionId: string, generation: number, expiresAt: Date): Promise<void> {
	await tx.query("UPDATE sessions SET generation = $2, expires_at = $3, last_used_at = now() WHERE session_id = $1", [
		sessionId,
		generation,
		expiresAt,
	]);
	await tx.query("DELETE FROM refresh_tokens WHERE session_id = $1 AND generation <= $2", [
		sessionId,
		generation - REMEMBERED_GENERATIONS,
	]);
}

/** Ends the user's live sessions, or only the one that is named; gives those that it ended. */
export async function revokeSessions(
	tx: Tx,
	userId: string,
	sessionId: string | null = null,
): Promise<RevokedSession[]> {
	return tx.query<RevokedSession>(
		`UPDATE sessions SET revoked_at = clock_timestamp(), event_seq = event_seq + 1
		WHERE user_id = $1 AND ($2::uuid IS NULL OR session_id = $2) AND ${LIVE}
		RETURNING session_id, user_id, event_seq`,
		[userId, sessionId],
	);
}

/** Ends the user's live sessions but the one that is named, if any; gives those that it ended. */
export async function revokeOthers(tx: Tx, userId: string, sessionId: string | null): Promise<RevokedSession[]> {
	return tx.query<RevokedSession>(
		`UPDATE sessions SET revoked_at = clock_timestamp(), event_seq = event_seq + 1
		WHERE user_id = $1 AND session_id IS DISTINCT FROM $2::uuid AND ${LIVE}
		RETURNING session_id, user_id, event_seq`,
		[userId, sessionId],
	);
}

/** Ends all but the `kept` most recently used live sessions of the user; gives those that it ended. */
export async function revokeBeyond(tx: Tx, userId: string, kept: number): Promise<RevokedSession[]> {
	return tx.query<RevokedSession>(
		`UPDATE sessions SET revoked_at = clock_timestamp(), event_seq = event_seq + 1
		WHERE session_id IN (
			SELECT session_id FROM sessions WHERE user_id = $1 AND ${LIVE}
			ORDER BY last_used_at DESC, session_id DESC OFFSET $2
		) RETURNING session_id, user_id, event_seq`,
		[userId, kept],
	);
}

/** The live sessions of a user, newest first. */
export async function listSessions(db: Db, userId: string): Promise<SessionRow[]> {
	return db.query<SessionRow>(`SELECT * FROM sessions WHERE user_id = $1 AND ${LIVE} ORDER BY session_id DESC`, [
		userId,
	]);
}

/** From when on to list what ended for whoever knows it up to `since`; and up to when he then knows it. */
export async function revocationsSince(
	db: Db,
	since: string | null,
): Promise<{ readonly from: string; readonly as_of: Date }> {
	const [row] = await db.query<{ from: string; as_of: Date }>(
		`SELECT greatest($1::timestamptz, now() - $2 * interval '1 second' - ${REVOCATION_OVERLAP})::text AS from,
			now() - ${REVOCATION_OVERLAP} AS as_of`,
		[since, ACCESS_TOKEN.lifetimeS],
	);
	if (!row) throw new Error("a select of one row gives it");
	return row;
}

/** The first `limit` of what ended after `endedAt`, or at that time under a greater id; the oldest first. */
export async function listRevoked(db: Db, endedAt: string, id: string, limit: number): Promise<Ended[]> {
	// The times once more by themselves, since a comparison of rows does not find the indexes, which leave out NULL.
	return db.query<Ended>(
		`SELECT kind, id, ended_at::text FROM (
			(SELECT 'session' AS kind, session_id AS id, revoked_at AS ended_at FROM sessions
				WHERE revoked_at >= $1::timestamptz AND (revoked_at, session_id) > ($1::timestamptz, $2::uuid)
				ORDER BY revoked_at, session_id LIMIT $3)
			UNION ALL
			(SELECT 'key', key_id, ended_at FROM api_keys
				WHERE ended_at >= $1::timestamptz AND (ended_at, key_id) > ($1::timestamptz, $2::uuid)
				ORDER BY ended_at, key_id LIMIT $3)
		) AS ended ORDER BY ended.ended_at, id LIMIT $3`,
		[endedAt, id, limit],
	);
}

/** Forgets some of the sessions that ended long enough ago, with their tokens. */
export async function sweepSessions(db: Db): Promise<void> {
	await db.query(
		`DELETE FROM sessions WHERE session_id IN (
			SELECT session_id FROM sessions WHERE revoked_at < ${FORGOTTEN} OR expires_at < ${FORGOTTEN}
			LIMIT ${MAX_SWEPT} FOR UPDATE SKIP LOCKED
		)`,
	);
}
