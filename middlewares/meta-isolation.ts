import { callHook } from "./call-hook.ts";

/**
 * Keeps a callee's `ctx.meta` from flowing back into its caller's, as Moleculer would have it: nobody but the gateway
 * says who the user is, and a call made on behalf of another does not change the caller.
 */
export const metaIsolation = callHook("MetaIsolation", (next) => (action, params, opts) => {
	const answer = next(action, params, opts);
	return answer.finally(() => {
		if (answer.ctx) answer.ctx.meta = {};
	});
});
