import type { JsonWebKeySet, Revocations, Session } from "../../contracts/auth.ts";
import type { Principal } from "../../contracts/common.ts";
import type { Db } from "../../lib/db.ts";
import * as store from "./auth.store.ts";

/** The caller's live sessions, newest first. */
export async function listSessions(db: Db, caller: Principal): Promise<Session[]> {
	const rows = await store.listSessions(db, caller.user_id);
	return rows.map((row) => ({
		session_id: row.session_id,
		ip: row.ip,
		user_agent: row.user_agent,
		created_at: row.created_at.toISOString(),
		last_used_at: row.last_used_at.toISOString(),
		current: row.session_id === caller.session_id,
	}));
}

/** The keys that access tokens are signed with, without their private parts. */
export async function publicKeys(db: Db): Promise<JsonWebKeySet> {
	const keys = await store.listSigningKeys(db);
	return { keys: keys.map((key) => ({ ...key.public_jwk })) };
}

/** What ended since the answer of that time. */
export async function revocations(db: Db, since: string | null): Promise<Revocations> {
	const { as_of, ...ended } = await store.listRevoked(db, since);
	return { ...ended, as_of: as_of.toISOString() };
}
