import { setTimeout as delay } from "node:timers/promises";
import type { ActionEndpoint, CallingOptions, Context, Middleware, ServiceBroker } from "moleculer";
import type { Meta } from "../contracts/index.ts";
import { ABSENCE_PATIENCE_MS, onceServed } from "../lib/served.ts";
import { type Call, callHook } from "./call-hook.ts";

/** What is left of the request's time for the call itself, when somebody is there at last. */
const RESERVE_MS = 500;
/** Until the others know what a node that has just come back does not serve yet; each pause is twice the one before. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 400;
/** The most calls of a node that wait, for whatever reason; each holds its request. Beyond them calls fail at once. */
const MAX_WAITING = 1_000;

const neverBegun = new WeakSet<Error>();

/** Notes that `error` stands for a call that no node has begun; gives it. */
export function markNeverBegun<E extends Error>(error: E): E {
	neverBegun.add(error);
	return error;
}

/**
 * Asks again, for 3 s within the time that the call has, when nobody has begun a call: no node is there for it, the one
 * that was asked is gone, or it does not serve the action since it has just come back or is leaving. Nothing that was
 * begun is ever repeated. Belongs outside `callTimeout`, so that each try has what is left of the request's time.
 */
// Moleculer also takes a function that makes a middleware; its types do not say so.
export const elsewhere = ((broker: ServiceBroker) =>
	callHook("Elsewhere", (next) => around(broker, next))) as unknown as Middleware;

function around(broker: ServiceBroker, next: Call): Call {
	let waiting = 0;

	async function askAgain({ action: asked, params, opts }: Asked, first: unknown): Promise<unknown> {
		const untilMs = performance.now() + patienceOf(opts);
		const action = nameOf(asked);
		let error = first;
		let pauseMs = FIRST_PAUSE_MS;
		do {
			if (performance.now() + pauseMs > untilMs) break;
			await delay(pauseMs);
			if (!(await onceServed(broker, action, untilMs))) break;
			try {
				return await next(action, params, opts);
			} catch (again) {
				error = again;
			}
			pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
		} while (takeMark(error));
		throw error;
	}

	return (action, params, opts) => {
		const answer = next(action, params, opts);
		const settled: ReturnType<Call> = answer.catch((error) => {
			// Who asks one node wants its answer and no other's.
			if (!takeMark(error) || opts?.nodeID || waiting >= MAX_WAITING) throw error;
			waiting += 1;
			return askAgain({ action, params, opts }, error).finally(() => (waiting -= 1));
		});
		if (answer.ctx) settled.ctx = answer.ctx;
		return settled;
	};
}

interface Asked {
	readonly action: string | ActionEndpoint;
	readonly params: unknown;
	readonly opts: CallingOptions | undefined;
}

/** The gateway calls an endpoint that it has chosen as the broker would have; it does not insist on that one. */
function nameOf(action: string | ActionEndpoint): string {
	return typeof action === "string" ? action : (action.action.name ?? "");
}

/**
 * Whether `error` is marked; it is not any more. Whoever asked for it on this node has begun something himself, and the
 * error passes through the call of him.
 */
function takeMark(error: unknown): boolean {
	return error instanceof Error && neverBegun.delete(error);
}

/** How long a call may wait for somebody to begin it. */
function patienceOf(opts: CallingOptions | undefined): number {
	const parent = opts?.parentCtx as Context<unknown, Meta> | undefined;
	const deadline: number | undefined = opts?.meta?.["deadline"] ?? parent?.meta.deadline;
	const left = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - Date.now();
	return Math.min(ABSENCE_PATIENCE_MS, Math.min(left, opts?.timeout || left) - RESERVE_MS);
}
