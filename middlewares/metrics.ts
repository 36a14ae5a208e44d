import type { Middleware, ServiceBroker } from "moleculer";
import type { Env } from "../lib/env.ts";
import { measureProcess } from "../lib/metrics/process.ts";
import { openMetrics } from "../lib/metrics/registry.ts";
import { serveMetrics } from "../lib/metrics/server.ts";

/** Lets a node measure itself, and shows that on METRICS_PORT; without it nothing is measured. */
export function metrics({ metricsPort: port, host }: Pick<Env, "metricsPort" | "host">): Middleware {
	if (port === null) return { name: "Metrics" };
	const closers: (() => Promise<void> | void)[] = [];
	let hasStarted = false;
	const tell = (broker: ServiceBroker, started: boolean) => {
		hasStarted = started;
		openMetrics(broker).set("node_started", {}, Number(started));
	};
	return {
		name: "Metrics",
		created(broker) {
			openMetrics(broker);
		},
		async starting(broker) {
			const opened = openMetrics(broker);
			closers.push(measureProcess(opened), await serveMetrics(opened, { host, port, hasStarted: () => hasStarted }));
		},
		async started(broker) {
			tell(broker, true);
		},
		async stopping(broker) {
			tell(broker, false);
		},
		async stopped() {
			for (const close of closers.splice(0)) await close();
		},
	};
}
