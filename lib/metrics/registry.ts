import type { ServiceBroker } from "moleculer";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import {
	type CounterName,
	type GaugeName,
	type HistogramName,
	type LabelsOf,
	METRICS,
	type MetricName,
} from "./names.ts";

/** What a node measures of itself. */
export interface Metrics {
	increment<N extends CounterName>(name: N, labels: LabelsOf<N>, by?: number): void;
	set<N extends GaugeName>(name: N, labels: LabelsOf<N>, value: number): void;
	observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, seconds: number): void;
	/** Forgets what a gauge has shown with these labels. */
	remove<N extends GaugeName>(name: N, labels: LabelsOf<N>): void;
	/** Forgets all that a gauge has shown. */
	clear(name: GaugeName): void;
	/** Runs `update` before each scrape: it must not wait for anything. */
	onScrape(update: () => void): void;
	/** Adds what `read` gives, in Prometheus's text, to what is shown. */
	include(read: () => Promise<string>): void;
	/** All of it in Prometheus's text. */
	scrape(): Promise<string>;
}

const registries = new WeakMap<ServiceBroker, Metrics>();

/** What the node of `broker` measures; null where it shows no metrics: then nothing is measured. */
export function metricsOf(broker: ServiceBroker): Metrics | null {
	return registries.get(broker) ?? null;
}

/** What the node of `broker` measures from now on; the same at each call. */
export function openMetrics(broker: ServiceBroker): Metrics {
	const opened = registries.get(broker) ?? create(broker);
	registries.set(broker, opened);
	return opened;
}

function create(broker: ServiceBroker): Metrics {
	const { namespace, nodeID } = broker;
	const registry = new Registry();
	registry.setDefaultLabels({ namespace, nodeID });
	const metrics = new Map(Object.keys(METRICS).map((name) => [name, metricOf(name as MetricName, registry)]));
	const updates: (() => void)[] = [];
	const included: (() => Promise<string>)[] = [];
	return {
		increment: (name, labels, by = 1) => (metrics.get(name) as Counter).inc(labels, by),
		set: (name, labels, value) => (metrics.get(name) as Gauge).set(labels, value),
		observe: (name, labels, seconds) => (metrics.get(name) as Histogram).observe(labels, seconds),
		remove: (name, labels) => (metrics.get(name) as Gauge).remove(labels),
		clear: (name) => (metrics.get(name) as Gauge).reset(),
		onScrape: (update) => void updates.push(update),
		include: (read) => void included.push(read),
		async scrape() {
			for (const update of updates) update();
			const texts = await Promise.all([registry.metrics(), ...included.map((read) => read())]);
			return texts.join("\n");
		},
	};
}

function metricOf(name: MetricName, registry: Registry): Counter | Gauge | Histogram {
	const { type, help, labels } = METRICS[name];
	const options = { name, help, labelNames: [...labels], registers: [registry] };
	if (type === "counter") return new Counter(options);
	if (type === "gauge") return new Gauge(options);
	return new Histogram({ ...options, buckets: [...METRICS[name as HistogramName].buckets] });
}
