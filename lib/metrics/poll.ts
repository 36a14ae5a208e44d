import type { ServiceBroker } from "moleculer";
import type { GaugeName, LabelsOf } from "./names.ts";
import { metricsOf } from "./registry.ts";

/** Often enough for a scrape every 15 s, seldom enough to cost nothing. */
const POLL_MS = 5_000;

/**
 * Keeps gauges up to date with what `read` gives under the same keys as `names` has theirs. Does nothing on a node
 * without metrics. Gives a way to stop it.
 */
export function pollGauges<Key extends string, N extends GaugeName>(
	broker: ServiceBroker,
	labels: LabelsOf<N>,
	names: Readonly<Record<Key, N>>,
	read: () => Promise<Readonly<Record<NoInfer<Key>, number>>>,
): () => void {
	const metrics = metricsOf(broker);
	if (!metrics) return () => {};
	const entries = Object.entries(names) as [Key, N][];
	const poll = async () => {
		const values = await read();
		for (const [key, name] of entries) metrics.set(name, labels, values[key]);
	};
	const timer = setInterval(() => {
		// What cannot be read now is read the next time: a gauge that stands still is an alert of its own.
		poll().catch((error) => broker.logger.debug(`gauges of ${JSON.stringify(labels)} stand still`, error));
	}, POLL_MS);
	return () => clearInterval(timer);
}
