import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";

/** How often it is looked whether somebody serves an action. */
const LOOK_EVERY_MS = 50;

/**
 * Waits until a node serves `action`, as far as this one knows; false when none does by `untilMs`, which is by
 * `performance.now()`. Alone nobody will come, so that is told at once.
 */
export async function onceServed(broker: ServiceBroker, action: string, untilMs: number): Promise<boolean> {
	while (!broker.registry.getActionEndpoints(action)?.hasAvailable()) {
		const leftMs = untilMs - performance.now();
		if (leftMs <= 0 || !broker.transit) return false;
		await delay(Math.min(LOOK_EVERY_MS, leftMs));
	}
	return true;
}
