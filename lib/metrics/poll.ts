import type { ServiceBroker } from "moleculer";
import type { GaugeName, LabelsOf } from "./names.ts";
import { type Metrics, metricsOf } from "./registry.ts";

/** Often enough for a scrape every 15 s, seldom enough to cost nothing. */
const POLL_MS = 5_000;

/**
 * Has `update` set what must be waited for, now and every `everyMs`, one time after the other. Does nothing on a node
 * without metrics. Gives a way to stop it.
 */
export function pollMetrics(
	broker: ServiceBroker,
	update: (metrics: Metrics) => Promise<void>,
	everyMs = POLL_MS,
): () => void {
	const metrics = metricsOf(broker);
	if (!metrics) return () => {};
	let running: Promise<void> | null = null;
	const poll = () => {
		// What cannot be read now is read the next time: a gauge that stands still is an alert of its own.
		running ??= update(metrics)
			.catch((error) => broker.logger.debug("a gauge stands still", error))
			.finally(() => (running = null));
	};
	poll();
	const timer = setInterval(poll, everyMs);
	return () => clearInterval(timer);
}

/** Keeps gauges up to date with what `read` gives under the same keys as `names` has theirs; otherwise as above. */
export function pollGauges<Key extends string, N extends GaugeName>(
	broker: ServiceBroker,
	labels: LabelsOf<N>,
	names: Readonly<Record<Key, N>>,
	read: () => Promise<Readonly<Record<NoInfer<Key>, number>>>,
): () => void {
	const entries = Object.entries(names) as [Key, N][];
	return pollMetrics(broker, async (metrics) => {
		const values = await read();
		for (const [key, name] of entries) metrics.set(name, labels, values[key]);
	});
}
