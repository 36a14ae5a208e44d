import { setTimeout as delay } from "node:timers/promises";
import type { CallingOptions } from "moleculer";
import { type Call, callHook } from "./call-hook.ts";

/** Until the others know what a node that has just come back does not serve yet: 0.75 s in all. */
const PAUSES_MS = [50, 100, 200, 400] as const;

const unserved = new WeakSet<Error>();

/** Notes that `error` stands for a call that a node has turned away because it does not serve the action; gives it. */
export function markUnserved<E extends Error>(error: E): E {
	unserved.add(error);
	return error;
}

/**
 * Asks again, as a rule another node, when the one that was asked does not serve the action: it has just come back and
 * has nothing yet, or is leaving. Such a call was never begun, so this repeats nothing.
 */
export const elsewhere = callHook("Elsewhere", (next) => (action, params, opts) => {
	const answer = next(action, params, opts);
	if (opts?.nodeID) return answer;
	const settled: ReturnType<Call> = answer.catch((error) => askAgain(next, action, params, opts, error));
	if (answer.ctx) settled.ctx = answer.ctx;
	return settled;
});

async function askAgain(
	next: Call,
	action: string,
	params: unknown,
	opts: CallingOptions | undefined,
	first: unknown,
): Promise<unknown> {
	let error = first;
	for (const pauseMs of PAUSES_MS) {
		if (!(error instanceof Error && unserved.has(error))) throw error;
		await delay(pauseMs);
		try {
			return await next(action, params, opts);
		} catch (again) {
			error = again;
		}
	}
	throw error;
}
