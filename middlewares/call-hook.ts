import type { CallingOptions, Context, Middleware } from "moleculer";

/** What a call gives: a promise that Moleculer hangs the callee's context on, unless nobody could be called. */
export type Call = (action: string, params?: unknown, opts?: CallingOptions) => Promise<unknown> & { ctx?: Context };

/** A middleware around every call that this node makes. Moleculer's types take the hook's result for the call's. */
export function callHook(name: string, wrap: (next: Call) => Call): Middleware {
	return { name, call: wrap } as unknown as Middleware;
}
