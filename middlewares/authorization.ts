import type { Context, Middleware, Service } from "moleculer";
import type { Meta, Role } from "../contracts/index.ts";
import { refuse } from "../lib/refuse.ts";
import type { Access } from "../lib/service.ts";

/** Moleculer's own service declares nothing, and no route leads to it. */
const UNGUARDED_SERVICE = "$node";

const ACCESS: ReadonlySet<unknown> = new Set<Access>(["public", "user", "admin", "auditor", "internal"]);

/** Of the users that have logged in, those with one of these roles; where nothing stands, all of them. */
const ROLES: Partial<Record<Access, readonly Role[]>> = { admin: ["admin"], auditor: ["admin", "auditor"] };

/**
 * Checks each call of a local action against the access that the action declares; a service with an action that
 * declares none is not loaded. Belongs outermost, so that neither cache nor validator answers before it.
 */
export const authorization: Middleware = {
	name: "Authorization",

	serviceCreating(_service, schema) {
		if (schema.name === UNGUARDED_SERVICE) return;
		for (const [name, action] of Object.entries(schema.actions ?? {})) {
			if (action === false) continue;
			if (typeof action !== "object" || !ACCESS.has(action.auth)) {
				throw new Error(`${schema.name}.${name} must declare who may call it, by auth: ${[...ACCESS].join(" | ")}`);
			}
			// The gateway serves published actions alone, which is Moleculer's default.
			if (action.auth === "internal") action.visibility = "public";
		}
	},

	localAction(next, action) {
		const { auth } = action;
		if (action.service?.name === UNGUARDED_SERVICE || auth === "public" || auth === "internal") return next;
		const roles = ROLES[auth as Access];
		return function checkAccess(this: Service, ctx: Context<unknown, Meta>) {
			const { user } = ctx.meta;
			if (!user) return Promise.reject(refuse("UNAUTHENTICATED"));
			if (roles && !roles.some((role) => user.roles.includes(role))) return Promise.reject(refuse("FORBIDDEN"));
			return next.call(this, ctx);
		};
	},
};
