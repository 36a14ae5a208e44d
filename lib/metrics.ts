import type { ServiceBroker } from "moleculer";

/** Often enough for a scrape every 15 s, seldom enough to cost nothing. */
const POLL_MS = 5_000;

/**
 * Keeps gauges up to date with what `read` gives under the same keys; `names` are theirs, e.g. `outbox.unpublished`.
 * Does nothing on a node without metrics. Gives a way to stop it.
 */
export function pollGauges<Key extends string>(
	broker: ServiceBroker,
	labels: Readonly<Record<string, string>>,
	names: Readonly<Record<Key, string>>,
	read: () => Promise<Readonly<Record<NoInfer<Key>, number>>>,
): () => void {
	if (!broker.isMetricsEnabled()) return () => {};
	const entries = Object.entries(names) as [Key, string][];
	for (const [, name] of entries) broker.metrics.register({ type: "gauge", name, labelNames: Object.keys(labels) });
	const poll = async () => {
		const values = await read();
		for (const [key, name] of entries) broker.metrics.set(name, values[key], labels);
	};
	const timer = setInterval(() => {
		// What cannot be read now is read the next time: a gauge that stands still is an alert of its own.
		poll().catch((error) => broker.logger.debug(`gauges of ${JSON.stringify(labels)} stand still`, error));
	}, POLL_MS);
	return () => clearInterval(timer);
}
