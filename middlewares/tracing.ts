import type { ActionSchema, Context, Middleware, Service } from "moleculer";
import type { Meta } from "../contracts/index.ts";
import type { Env } from "../lib/env.ts";
import { activeSpan, currentTraceparent, tracingOf } from "../lib/tracing/context.ts";
import type { Call } from "./call-hook.ts";

/** The gateway's own action: what it is told of a trace comes from outside. */
const ENTRY = "api.rest";

/** Moleculer's own service, which is asked behind the requests. */
const NODE_SERVICE = "$node";

/**
 * Makes a span of each action that runs here, as a child of its caller's, and tells those that it calls of itself.
 * Without TRACING_URL nothing is traced, and nothing loaded for it.
 */
export function tracing({ tracingUrl: url, tracingSample: sample }: Settings): Middleware {
	if (url === null) return { name: "Tracing" };
	const hooks: Pick<Middleware, "starting" | "localAction" | "stopped"> = {
		async starting(broker) {
			const { openTracing } = await import("../lib/tracing/provider.ts");
			openTracing(broker, { url, sample });
		},
		localAction: (next, action) => traced(next as Handler, action) as typeof next,
		async stopped(broker) {
			await tracingOf(broker)?.stop();
		},
	};
	// Moleculer's types take the call hook's result for the call's.
	return { name: "Tracing", ...hooks, call: tellCallees } as unknown as Middleware;
}

type Settings = Pick<Env, "tracingUrl" | "tracingSample">;
type Handler = (this: Service, ctx: Context<unknown, Meta>) => Promise<unknown>;

function tellCallees(next: Call): Call {
	return (action, params, opts = {}) => {
		const traceparent = currentTraceparent();
		return next(action, params, traceparent ? { ...opts, meta: { ...opts.meta, traceparent } } : opts);
	};
}

function traced(next: Handler, { name = "", service: owner }: ActionSchema): Handler {
	const service = owner?.name ?? "";
	if (service === NODE_SERVICE) return next;
	const foreign = name === ENTRY;
	return function trace(ctx) {
		const node = tracingOf(ctx.broker);
		const { traceparent: parent } = ctx.meta;
		// What begins by itself, such as a question after what has changed, would be a trace every second.
		const { untraced = false } = ctx.options as { readonly untraced?: boolean };
		if (!node || (foreign ? untraced : parent === undefined)) return next.call(this, ctx);
		const id = ctx.requestID ?? ctx.id;
		const attributes = { correlation_id: id };
		return node.run({ service, name, kind: "SERVER", parent, foreign, attributes }, () => {
			const span = activeSpan();
			if (span) node.note(service, id, span);
			return next.call(this, ctx);
		});
	};
}
