import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";

/** A service whose nodes have all died is started again in about this time, or its clients are better told. */
export const ABSENCE_PATIENCE_MS = 3_000;

/** The most that wait on a node; each holds a request. Beyond them it is told at once. */
const MAX_WAITING = 1_000;
/** How often it is looked whether somebody serves an action. */
const LOOK_EVERY_MS = 50;

const waiting = new WeakMap<ServiceBroker, number>();

/**
 * Waits until a node serves `action`, as far as this one knows; false when none does by `untilMs`, which is by
 * `performance.now()`, or when too many wait already. Told at once is also what nobody will come for: an action that
 * its service does not have, or any when this node is alone.
 */
export async function onceServed(broker: ServiceBroker, action: string, untilMs: number): Promise<boolean> {
	const served = () => broker.registry.getActionEndpoints(action)?.hasAvailable() ?? false;
	if (served()) return true;
	const others = waiting.get(broker) ?? 0;
	if (!broker.transit || others >= MAX_WAITING || lacksAction(broker, action)) return false;
	waiting.set(broker, others + 1);
	try {
		while (!served() && performance.now() < untilMs) await delay(LOOK_EVERY_MS);
		return served();
	} finally {
		waiting.set(broker, (waiting.get(broker) ?? 1) - 1);
	}
}

/** Whether nodes tell of the service of `action`, and none of them of the action. */
function lacksAction({ registry }: ServiceBroker, action: string): boolean {
	const service = action.slice(0, action.lastIndexOf("."));
	const told = registry.services.services.filter(({ name, node }) => name === service && node.available);
	return told.length > 0 && told.every(({ actions }) => !(action in actions));
}
