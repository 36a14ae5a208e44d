import type { Context } from "moleculer";
import type { Actor } from "../contracts/events.ts";
import type { Meta, Principal } from "../contracts/index.ts";
import { refuse } from "./refuse.ts";

/** Who calls; refuses a call that nobody stands behind. */
export function callerOf(ctx: Pick<Context<unknown, Meta>, "meta">): Principal {
	if (!ctx.meta.user) throw refuse("UNAUTHENTICATED");
	return ctx.meta.user;
}

/** Where a change comes from, as its events tell: the request, and who sent it. */
export interface Origin {
	readonly correlation_id: string;
	readonly actor: Actor | null;
}

/** The origin of what `ctx` changes. `userId` says who it is where nobody has logged in yet. */
export function originOf(
	ctx: Pick<Context<unknown, Meta>, "id" | "requestID" | "meta">,
	userId = ctx.meta.user?.user_id,
): Origin {
	return {
		correlation_id: ctx.requestID ?? ctx.id,
		actor: userId === undefined ? null : { user_id: userId, ip: ctx.meta.client?.ip ?? null },
	};
}

/** Whether the user may do what admins may. */
export function isAdmin(user: Principal): boolean {
	return user.roles.includes("admin");
}
