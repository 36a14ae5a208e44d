import type { Context } from "moleculer";
import { Op } from "sequelize";
import type { Meta, Page, PageQuery } from "../../contracts/index.ts";
import type { User } from "../../contracts/users.ts";
import { callerOf, isAdmin } from "../../lib/caller.ts";
import type { Db } from "../../lib/db.ts";
import { pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import { refuseNotFound } from "../../lib/refuse.ts";
import type { Catalogue } from "../../mixins/catalogue.mixin.ts";
import { USERNAME } from "./domain/user.ts";
import { findByName, type UserRow, userOf } from "./users.store.ts";

export type UserCatalogue = Catalogue<UserRow>;

/** The user of that id, or null. */
export async function findUser(users: UserCatalogue, userId: string): Promise<User | null> {
	const [row] = await users._find(null, { query: { user_id: userId }, limit: 1 });
	return row ? userOf(row) : null;
}

/**
 * The user of that name, in whatever case it is written, or null. A name that nobody can have is nobody's, also where
 * the database takes one of its letters for one of ours, such as U+0130 for an i: the gateway counts tries by name.
 */
export async function resolveUser(db: Db, username: string): Promise<User | null> {
	return USERNAME.test(username) ? findByName(db, username) : null;
}

/** A profile: one's own, or as an admin anybody's; others are refused as if they were not there. */
export async function getUser(users: UserCatalogue, ctx: Context<unknown, Meta>, userId: string): Promise<User> {
	const caller = callerOf(ctx);
	const user = await findUser(users, userId);
	if (!user || (user.user_id !== caller.user_id && !isAdmin(caller)))
		throw refuseNotFound("There is no such user", user?.user_id);
	return user;
}

/** All users, in the order of their ids, which is that of their creation. */
export async function listUsers(users: UserCatalogue, query: PageQuery): Promise<Page<User>> {
	const { limit, after } = positionOf(query, UUID_KEY);
	const rows = await users._find(null, {
		query: after === null ? {} : { user_id: { [Op.gt]: after } },
		sort: ["user_id"],
		limit: limit + 1,
	});
	return pageOf(rows, limit, (row) => row.user_id, userOf);
}
