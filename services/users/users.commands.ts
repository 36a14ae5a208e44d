import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { User, UserStatus, UsersApi } from "../../contracts/users.ts";
import { callerOf, isAdmin, type Origin, originOf } from "../../lib/caller.ts";
import { refuse, refuseNotFound } from "../../lib/refuse.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { applied, type Profile } from "./domain/user.ts";
import { admit, findUserId, insertUser, lockUser, saveUser, userOf, type VersionedUser } from "./users.store.ts";

export type Users = Database & Outbox & Settings;
type Request<A extends keyof UsersApi> = Context<Parameters<UsersApi[A]>[0], Meta>;

/** Adds a user; the same `user_id` again gives the user that it was first given to. */
export async function createUser(users: Users, ctx: Request<"create">): Promise<User> {
	const { roles = ["trader"], ...given } = ctx.params;
	const maxUsers = await users.setting("users.max_users");
	return users.db.transaction(async (tx) => {
		const count = await admit(tx);
		const known = await lockUser(tx, given.user_id);
		if (known) return userOf(known);
		if (count >= maxUsers) throw refuse("MAX_USERS", "No more users can be added", { limit: maxUsers });
		const user = await insertUser(tx, { ...given, roles });
		users.stage(tx, [event("users.created", user, originOf(ctx, ctx.meta.user?.user_id ?? user.user_id))]);
		return userOf(user);
	});
}

/** Changes a profile, one's own or as an admin anybody's. */
export async function updateUser(users: Users, ctx: Request<"update">): Promise<User> {
	const { user_id, ...patch } = ctx.params;
	const caller = callerOf(ctx);
	// Without a lock: a stranger is to notice nothing of the user, nor the user of him.
	const known = await findUserId(users.db, user_id);
	if (!known || (known !== caller.user_id && !isAdmin(caller))) throw refuseNotFound("There is no such user", known);
	return change(users, ctx, user_id, patch);
}

/** Suspends or resumes a user; one that is so already stays so. */
export function setStatus(users: Users, ctx: Request<"suspend">, status: UserStatus): Promise<User> {
	return change(users, ctx, ctx.params.user_id, { status });
}

async function change(
	users: Users,
	ctx: Context<unknown, Meta>,
	userId: string,
	patch: Partial<Profile>,
): Promise<User> {
	return users.db.transaction(async (tx) => {
		const user = await lockUser(tx, userId);
		if (!user) throw refuse("NOT_FOUND", "There is no such user");
		const changed = applied(user, patch);
		if (!changed) return userOf(user);
		const saved = await saveUser(tx, changed);
		users.stage(tx, [event("users.updated", saved, originOf(ctx))]);
		return userOf(saved);
	});
}

function event<T extends "users.created" | "users.updated">(type: T, user: VersionedUser, origin: Origin) {
	return {
		type,
		aggregate_id: user.user_id,
		aggregate_seq: user.version,
		data: userOf(user),
		...origin,
	};
}
