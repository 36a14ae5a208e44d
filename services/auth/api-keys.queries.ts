import { timingSafeEqual } from "node:crypto";
import type { ApiKey, VerifiedApiKey } from "../../contracts/auth.ts";
import type { Db } from "../../lib/db.ts";
import { refuse } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { hashOf } from "../../lib/token-hash.ts";
import * as store from "./api-keys.store.ts";
import type { Auth, Request } from "./auth.commands.ts";

/** What the secret of a key that is not there is compared with. */
const NOBODYS_HASH = hashOf("");

/** The user's API keys, newest first. */
export async function listKeys(db: Db, userId: string): Promise<ApiKey[]> {
	return (await store.listKeys(db, userId)).map(shownKey);
}

/** A key as its owner sees it. */
export function shownKey(row: store.ApiKeyRow): ApiKey {
	return {
		key_id: row.key_id,
		name: row.name,
		scopes: row.scopes,
		ip_allow: row.ip_allow,
		created_at: row.created_at.toISOString(),
		last_used_at: row.last_used_at?.toISOString() ?? null,
	};
}

/** Whom a key acts for. An unknown key and a wrong secret are alike in answer and time. */
export async function verifyKey(auth: Auth, ctx: Request<"verifyApiKey">): Promise<VerifiedApiKey> {
	const { key_id, secret_hash } = ctx.params;
	const kept = (await store.findSecretHash(auth.db, key_id)) ?? NOBODYS_HASH;
	const matches = timingSafeEqual(Buffer.from(kept), Buffer.from(secret_hash));
	const key = matches ? await store.findKey(auth.db, key_id) : null;
	const user = key && (await call(ctx, "users.find", { user_id: key.user_id }));
	if (!key || !user) throw refuse("UNAUTHENTICATED", "The API key is not valid");
	if (user.status === "suspended") throw refuse("USER_SUSPENDED");

	// Nobody waits for a note, and one that is lost is made by the next use.
	store.noteUse(auth.db, key_id).catch((error) => auth.broker.logger.warn("a key's use is not noted", error));
	const { user_id, username } = user;
	return {
		principal: { user_id, username, roles: ["trader"], key_id, scopes: key.scopes },
		ip_allow: key.ip_allow,
	};
}
