import { callerOf } from "../../lib/caller.ts";
import { pageRules } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { catalogue } from "../../mixins/catalogue.mixin.ts";
import { database } from "../../mixins/database.mixin.ts";
import { outbox } from "../../mixins/outbox.mixin.ts";
import { settings } from "../../mixins/settings.mixin.ts";
import { EMAIL, USERNAME } from "./domain/user.ts";
import { createUser, setStatus, type Users, updateUser } from "./users.commands.ts";
import { userModel } from "./users.models.ts";
import { findUser, getUser, listUsers, resolveUser, type UserCatalogue } from "./users.queries.ts";
import type { UserRow } from "./users.store.ts";

/** A page of the longest kind and the one more that tells of a next page. */
const MAX_ROWS = 501;

const user_id = "uuid";
const username = { type: "string", pattern: USERNAME } as const;
const email = { type: "string", pattern: EMAIL } as const;
const roles = { type: "array", items: { type: "enum", values: ["trader", "admin", "auditor"] }, unique: true } as const;

const users: TypedService<"users", {}, Users & UserCatalogue> = {
	name: "users",
	mixins: [
		database("users"),
		outbox("users"),
		settings(),
		catalogue<UserRow>({
			model: userModel,
			idField: "user_id",
			fields: ["user_id", "username", "email", "status", "roles", "created_at", "updated_at"],
			maxLimit: MAX_ROWS,
		}),
	],

	actions: {
		create: {
			auth: "internal",
			params: { $$strict: true, user_id, username, email, roles: { ...roles, optional: true } },
			handler(ctx) {
				return createUser(this, ctx);
			},
		},
		resolve: {
			auth: "internal",
			params: { $$strict: true, username: "string" },
			handler(ctx) {
				return resolveUser(this.db, ctx.params.username);
			},
		},
		find: {
			auth: "internal",
			params: { $$strict: true, user_id },
			handler(ctx) {
				return findUser(this, ctx.params.user_id);
			},
		},
		me: {
			auth: "user",
			handler(ctx) {
				return getUser(this, ctx, callerOf(ctx).user_id);
			},
		},
		get: {
			auth: "user",
			params: { $$strict: true, user_id },
			handler(ctx) {
				return getUser(this, ctx, ctx.params.user_id);
			},
		},
		list: {
			auth: "admin",
			params: { $$strict: true, ...pageRules },
			handler(ctx) {
				return listUsers(this, ctx.params);
			},
		},
		update: {
			auth: "user",
			params: {
				$$strict: true,
				user_id,
				username: { ...username, optional: true },
				email: { ...email, optional: true },
			},
			handler(ctx) {
				return updateUser(this, ctx);
			},
		},
		suspend: {
			auth: "admin",
			params: { $$strict: true, user_id },
			handler(ctx) {
				return setStatus(this, ctx, "suspended");
			},
		},
		resume: {
			auth: "admin",
			params: { $$strict: true, user_id },
			handler(ctx) {
				return setStatus(this, ctx, "active");
			},
		},
	},
};

export default users;
