import type { Context } from "moleculer";
import { callHook } from "./call-hook.ts";

/** What Moleculer takes the meta of an answer from. */
const NOTHING = Object.freeze({ meta: Object.freeze({}) }) as Context;

/**
 * Keeps a callee's `ctx.meta` from flowing back into its caller's, as Moleculer would have it: nobody but the gateway
 * says who the user is, and a call made on behalf of another does not change the caller.
 */
export const metaIsolation = callHook("MetaIsolation", (next) => (action, params, opts) => {
	const answer = next(action, params, opts);
	if (answer.ctx) answer.ctx = NOTHING;
	return answer;
});
