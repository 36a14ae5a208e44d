import type { Context } from "moleculer";
import { callHook } from "./call-hook.ts";

/**
 * Keeps a callee's `ctx.meta` from flowing back into its caller's, as Moleculer would have it: nobody but the gateway
 * says who the user is, and a call made on behalf of another does not change the caller.
 */
export const metaIsolation = callHook("MetaIsolation", (next) => (action, params, opts) => {
	const answer = next(action, params, opts);
	// The callee keeps its own, also when it runs on after the caller has stopped waiting.
	if (answer.ctx) answer.ctx = Object.create(answer.ctx, { meta: { value: {} } }) as Context;
	return answer;
});
