import type { Dashboard } from "../dashboard.ts";

/** The processes. */
export const node: Dashboard = {
	name: "node",
	title: "Node",
	description: "The processes of the cluster.",
	variable: { label: "component", metric: "node_started" },
	panels: [
		{
			title: "Nodes",
			description: "Nodes that answer and have started, by service.",
			unit: "none",
			queries: [
				{ expr: 'sum by (component) (node_started{component=~"$component"})', legend: "{{component}}" },
				{ expr: "max(moleculer_nodes_total)", legend: "as the cluster sees it" },
			],
		},
		{
			title: "Processor",
			description: "Processors that each node uses. JavaScript takes one at most, hashing passwords more.",
			unit: "none",
			queries: [{ expr: 'rate(process_cpu_seconds_total{component=~"$component"}[5m])', legend: "{{nodeID}}" }],
		},
		{
			title: "Memory",
			description: "What the process has in memory. A line that only rises is a leak.",
			unit: "bytes",
			queries: [{ expr: 'process_resident_memory_bytes{component=~"$component"}', legend: "{{nodeID}}" }],
		},
		{
			title: "Heap",
			description: "Memory of JavaScript's objects.",
			unit: "bytes",
			queries: [{ expr: 'nodejs_heap_size_used_bytes{component=~"$component"}', legend: "{{nodeID}}" }],
		},
		{
			title: "Event loop, P99",
			description: "How late the event loop is. Beyond 250 ms a node answers nobody in time.",
			unit: "s",
			limits: { warning: 0.1, wrong: 0.25 },
			queries: [{ expr: 'nodejs_eventloop_lag_p99_seconds{component=~"$component"}', legend: "{{nodeID}}" }],
		},
		{
			title: "Spans that were dropped",
			description: "Traces that the collector did not take in time.",
			unit: "ops",
			queries: [{ expr: 'rate(trace_spans_dropped_total{component=~"$component"}[5m])', legend: "{{nodeID}}" }],
		},
	],
};
