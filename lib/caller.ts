import type { Context } from "moleculer";
import type { Meta, Principal } from "../contracts/index.ts";
import { refuse } from "./refuse.ts";

/** Who calls; refuses a call that nobody stands behind. */
export function callerOf(ctx: Pick<Context<unknown, Meta>, "meta">): Principal {
	if (!ctx.meta.user) throw refuse("UNAUTHENTICATED");
	return ctx.meta.user;
}

/** Whether the user may do what admins may. */
export function isAdmin(user: Principal): boolean {
	return user.roles.includes("admin");
}
