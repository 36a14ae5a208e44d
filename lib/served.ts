import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";

/** How often it is looked whether somebody serves an action. */
const LOOK_EVERY_MS = 50;

/** Whether a node of the cluster serves `action` at this moment, as far as this one knows. */
export function isServed({ registry }: ServiceBroker, action: string): boolean {
	return registry.getActionEndpoints(action)?.hasAvailable() ?? false;
}

/**
 * Waits until a node serves `action`; false when none does by `untilMs`, by `performance.now()`. Alone nobody will come,
 * so that is told at once.
 */
export async function onceServed(broker: ServiceBroker, action: string, untilMs: number): Promise<boolean> {
	while (!isServed(broker, action)) {
		const leftMs = untilMs - performance.now();
		if (leftMs <= 0 || !broker.transit) return false;
		await delay(Math.min(LOOK_EVERY_MS, leftMs));
	}
	return true;
}
