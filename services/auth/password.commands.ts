import { randomBytes } from "node:crypto";
import type { PasswordChanged } from "../../contracts/auth.ts";
import { callerOf, type Origin, originOf } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { newId } from "../../lib/id.ts";
import { refuse, refuseNotFound } from "../../lib/refuse.ts";
import { type Auth, type Request, tellRevoked } from "./auth.commands.ts";
import * as store from "./auth.store.ts";

/** Twelve characters that can be told on the telephone. */
const RANDOM_PASSWORD_BYTES = 9;

/** Changes the caller's password, who goes on in his session; every other one ends. */
export async function changePassword(auth: Auth, ctx: Request<"changePassword">): Promise<{ readonly changed: true }> {
	const { current_password, new_password } = ctx.params;
	const { user_id, session_id } = callerOf(ctx);
	if (session_id === undefined) throw refuse("FORBIDDEN", "An API key has no password");
	const shown = await store.findCredential(auth.db, user_id);
	if (!(await auth.passwords.verify(shown?.password_hash ?? null, current_password))) throw wrong();
	const hash = await auth.passwords.hash(new_password);
	await auth.db.transaction(async (tx) => {
		const kept = await store.lockCredential(tx, user_id);
		if (kept?.password_hash !== shown?.password_hash) throw wrong();
		await replace(auth, tx, { user_id, by: "owner" }, hash, session_id, originOf(ctx));
	});
	return { changed: true };
}

/** Gives a user a password that nobody has known before. */
export async function resetPassword(auth: Auth, ctx: Request<"resetPassword">): Promise<{ readonly password: string }> {
	const { user_id } = ctx.params;
	const password = randomBytes(RANDOM_PASSWORD_BYTES).toString("base64url");
	const hash = await auth.passwords.hash(password);
	await auth.db.transaction(async (tx) => {
		if (!(await store.lockCredential(tx, user_id))) throw refuseNotFound("There is no such user");
		await replace(auth, tx, { user_id, by: "admin" }, hash, null, originOf(ctx));
	});
	return { password };
}

async function replace(
	auth: Auth,
	tx: Tx,
	data: PasswordChanged,
	hash: string,
	keptSession: string | null,
	origin: Origin,
): Promise<void> {
	await store.setPassword(tx, data.user_id, hash);
	const aggregate_id = `password-change:${newId()}`;
	auth.stage(tx, [{ type: "auth.password_changed", aggregate_id, aggregate_seq: 1, data, ...origin }]);
	const ended = await store.revokeOthers(tx, data.user_id, keptSession);
	await tellRevoked(auth, tx, ended, "password_changed", origin);
}

function wrong(): Error {
	return refuse("INVALID_CREDENTIALS", "The current password is wrong");
}
