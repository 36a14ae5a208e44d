import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./registry.ts";

const RESOLUTION_MS = 20;

/** Measures CPU, memory and event loop of the process until the function that it gives is called. */
export function measureProcess(metrics: Metrics): () => void {
	const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
	delay.enable();
	let countedS = 0;
	metrics.onScrape(() => {
		const { user, system } = process.cpuUsage();
		const usedS = (user + system) / 1e6;
		metrics.increment("process_cpu_seconds_total", {}, usedS - countedS);
		countedS = usedS;
		const { rss, heapUsed } = process.memoryUsage();
		metrics.set("process_resident_memory_bytes", {}, rss);
		metrics.set("nodejs_heap_size_used_bytes", {}, heapUsed);
		metrics.set("nodejs_eventloop_lag_p99_seconds", {}, delay.percentile(99) / 1e9);
		delay.reset();
	});
	return () => void delay.disable();
}
