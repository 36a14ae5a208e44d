import type { Context, Middleware, Service } from "moleculer";
import type { Meta } from "../contracts/index.ts";
import { refuse } from "../lib/refuse.ts";
import { callHook } from "./call-hook.ts";

/** What a service keeps back of its own time when it calls another, to answer with sense when the other does not. */
const RESERVE_MS = 200;

/** The gateway's own calls: from its root context. */
const GATEWAY_LEVEL = 1;

/**
 * Refuses to begin what nobody waits for any more: a call that sat in a queue, or on a stopped node, past the absolute
 * time in `ctx.meta.deadline`, which is on this node's clock.
 */
export const deadline: Middleware = {
	name: "Deadline",
	localAction: (next) =>
		function checkDeadline(this: Service, ctx: Context<unknown, Meta>) {
			const { deadline: at } = ctx.meta;
			return at !== undefined && Date.now() >= at ? Promise.reject(refuse("DEADLINE_EXCEEDED")) : next.call(this, ctx);
		},
};

/** Gives each call a timeout within what is left of the request's time, the less the deeper it is nested. */
export const callTimeout = callHook("CallTimeout", (next) => (action, params, opts = {}) => {
	const parent = opts.parentCtx as Context<unknown, Meta> | undefined;
	const at: number | undefined = opts.meta?.["deadline"] ?? parent?.meta.deadline;
	if (at === undefined) return next(action, params, opts);

	const left = at - Date.now() - RESERVE_MS * ((parent?.level ?? GATEWAY_LEVEL) - GATEWAY_LEVEL);
	if (left <= 0) return Promise.reject(refuse("DEADLINE_EXCEEDED"));
	return next(action, params, { ...opts, timeout: Math.min(opts.timeout || left, left) });
});
