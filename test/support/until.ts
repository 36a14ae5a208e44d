import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;

/** Resolves once `condition` holds; throws when it does not in time. */
export async function until(
	condition: () => boolean | Promise<boolean>,
	timeoutMs = 10_000,
	pollMs = POLL_MS,
): Promise<void> {
	const patience = performance.now() + timeoutMs;
	while (!(await condition())) {
		if (performance.now() > patience) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
		await delay(pollMs);
	}
}
