import type { NewApiKey } from "../../contracts/auth.ts";
import { isAddressRange } from "../../lib/address-ranges.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { foreignId } from "../../lib/foreign.ts";
import { newId } from "../../lib/id.ts";
import { refuse, refuseFields, refuseNotFound } from "../../lib/refuse.ts";
import type { Idempotency } from "../../mixins/idempotency.mixin.ts";
import { shownKey } from "./api-keys.queries.ts";
import * as store from "./api-keys.store.ts";
import { type Auth, hintRevoked, type Request } from "./auth.commands.ts";
import { lockCredential } from "./auth.store.ts";
import { newToken } from "./tokens.ts";

/** One for each program that somebody runs, and then some. */
const MAX_KEYS_PER_USER = 20;

/** Makes an API key for the caller. */
export function createKey(auth: Auth & Idempotency, ctx: Request<"createApiKey">): Promise<NewApiKey> {
	const { name, scopes, ip_allow = null } = ctx.params;
	const { user_id } = callerOf(ctx);
	const key_id = newId();
	const { token: secret, hash: secret_hash } = newToken();
	const check = () => assertRanges(ip_allow ?? []);
	return auth.once(ctx, check, async (tx) => {
		if ((await lockCredential(tx, user_id))?.suspended !== false) throw refuse("USER_SUSPENDED");
		if ((await store.countKeys(tx, user_id)) >= MAX_KEYS_PER_USER)
			throw refuse("MAX_API_KEYS", "Delete a key before you make another", { limit: MAX_KEYS_PER_USER });
		const row = await store.insertKey(tx, { key_id, user_id, secret_hash, name, scopes, ip_allow });
		auth.stage(tx, [
			{
				type: "auth.key_created",
				aggregate_id: `api-key:${key_id}`,
				aggregate_seq: 1,
				data: { user_id, key_id, name, scopes, ip: ctx.meta.client?.ip ?? "" },
				...originOf(ctx),
			},
		]);
		const { last_used_at: _, ...key } = shownKey(row);
		return { ...key, secret };
	});
}

/** Deletes one of the caller's keys; somebody else's is as good as none. */
export async function deleteKey(auth: Auth, ctx: Request<"deleteApiKey">): Promise<{ readonly revoked: true }> {
	const { key_id } = ctx.params;
	const { user_id } = callerOf(ctx);
	const deleted = await auth.db.transaction(async (tx) => {
		if (!(await store.deleteKey(tx, user_id, key_id))) return false;
		auth.stage(tx, [
			{
				type: "auth.key_deleted",
				aggregate_id: `api-key:${key_id}`,
				aggregate_seq: 2,
				data: { user_id, key_id },
				...originOf(ctx),
			},
		]);
		hintRevoked(auth, tx);
		return true;
	});
	if (deleted) return { revoked: true };
	const foreign = await foreignId(auth.db, { table: "api_keys", key: "key_id" }, user_id, key_id);
	throw refuseNotFound("There is no such API key", foreign && `api-key:${foreign}`);
}

function assertRanges(texts: readonly string[]): void {
	const wrong = texts.flatMap((text, i) => (isAddressRange(text) ? [] : [i]));
	if (wrong.length === 0) return;
	const message = 'An address or a range in CIDR notation is needed, such as "192.0.2.1" or "2001:db8::/32"';
	throw refuseFields(wrong.map((i) => ({ pointer: `/ip_allow/${i}`, code: "INVALID_FORMAT", message })));
}
