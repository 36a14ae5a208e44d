import type { ServiceBroker } from "moleculer";
import type { GaugeName, LabelsOf } from "./names.ts";
import { type Metrics, metricsOf } from "./registry.ts";

/** Often enough for a scrape every 15 s, seldom enough to cost nothing. */
const POLL_MS = 5_000;

/**
 * Has what must be waited for read now and every `everyMs`, one time after the other, and shown. `show` is given null
 * when it could not be read, or not before the next time: what nobody knows any more is not to be shown as it was. Does
 * nothing on a node without metrics. Gives a way to stop it.
 */
export function pollMetrics<Reading>(
	broker: ServiceBroker,
	read: () => Promise<Reading>,
	show: (metrics: Metrics, reading: Reading | null) => void,
	everyMs = POLL_MS,
): () => void {
	const metrics = metricsOf(broker);
	if (!metrics) return () => {};
	let isReading = false;
	const poll = async () => {
		if (isReading) return show(metrics, null);
		isReading = true;
		const reading = await read().catch((error) => {
			broker.logger.debug("a gauge cannot be read", error);
			return null;
		});
		isReading = false;
		show(metrics, reading);
	};
	void poll();
	const timer = setInterval(() => void poll(), everyMs);
	return () => clearInterval(timer);
}

/** Keeps gauges up to date with what `read` gives under the same keys as `names` has theirs; otherwise as above. */
export function pollGauges<Key extends string, N extends GaugeName>(
	broker: ServiceBroker,
	labels: LabelsOf<N>,
	names: Readonly<Record<Key, N>>,
	read: () => Promise<Readonly<Record<NoInfer<Key>, number>>>,
	everyMs = POLL_MS,
): () => void {
	const entries = Object.entries(names) as [Key, N][];
	const show = (metrics: Metrics, values: Readonly<Record<Key, number>> | null) => {
		for (const [key, name] of entries) {
			if (values) metrics.set(name, labels, values[key]);
			else metrics.remove(name, labels);
		}
	};
	return pollMetrics(broker, read, show, everyMs);
}
