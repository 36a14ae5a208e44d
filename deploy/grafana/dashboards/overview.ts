import type { Dashboard } from "../dashboard.ts";

/** Whether the product does what it promises. */
export const overview: Dashboard = {
	name: "overview",
	title: "Overview",
	description: "Whether the product does what it promises: available, fast, right.",
	panels: [
		{
			title: "Failed requests, 1 h",
			description: "Of all requests of the last hour, those that were answered with 5xx. 0.1 % is promised.",
			unit: "percentunit",
			stat: true,
			limits: { warning: 0.001, wrong: 0.01 },
			queries: [{ expr: "cluster:http_errors:ratio_rate1h" }],
		},
		{
			title: "Answer time, P95",
			description: "Of all requests, exports left out. 100 ms is promised.",
			unit: "s",
			stat: true,
			limits: { warning: 0.1, wrong: 0.5 },
			queries: [{ expr: "cluster:http_request_duration_seconds:p95_5m" }],
		},
		{
			title: "Orders",
			description: "Orders that were answered, per second.",
			unit: "ops",
			stat: true,
			queries: [{ expr: "sum(rate(orders_answered_total[5m]))" }],
		},
		{
			title: "Invariants",
			description: "The worst of the checks of the books: 1 when all hold.",
			unit: "none",
			stat: true,
			limits: { wrong: 1, down: true },
			queries: [{ expr: "min(invariant_holds)" }],
		},
		{
			title: "Halts",
			description: "Scopes in which trading is halted or reduced, users among them.",
			unit: "none",
			stat: true,
			limits: { warning: 1, wrong: 1_000_000 },
			queries: [{ expr: "sum(max by (scope) (trading_halted))" }],
		},
		{
			title: "Services without a node",
			description: "Services that the cluster knows no node of.",
			unit: "none",
			stat: true,
			limits: { wrong: 1 },
			queries: [{ expr: "count(max by (service) (moleculer_service_endpoints_total) == 0) or vector(0)" }],
		},
		{
			title: "Requests",
			description: "Answered requests by the service that they were for.",
			unit: "reqps",
			stacked: true,
			queries: [{ expr: "service:http_requests:rate5m", legend: "{{service}}" }],
		},
		{
			title: "Answer time, P95, by service",
			description: "From a request's headers to the end of its answer.",
			unit: "s",
			queries: [{ expr: "service:http_request_duration_seconds:p95_5m", legend: "{{service}}" }],
		},
		{
			title: "Problems",
			description: "Requests that were answered by a problem, by its code. Those of clients are usual.",
			unit: "reqps",
			queries: [{ expr: "sum by (error_type) (rate(http_errors_total[5m])) > 0", legend: "{{error_type}}" }],
		},
		{
			title: "Turned away by limits",
			description: "Requests refused because a limit was reached. Many mean an attack, or limits that are too small.",
			unit: "reqps",
			queries: [{ expr: "sum by (limit) (rate(rate_limit_hits_total[5m]))", legend: "{{limit}}" }],
		},
		{
			title: "Error budget burnt",
			description: "How many times faster than allowed: at 1 a month's budget lasts a month.",
			unit: "none",
			queries: [
				{ expr: "cluster:http_errors:ratio_rate5m / 0.001", legend: "5 min" },
				{ expr: "cluster:http_errors:ratio_rate1h / 0.001", legend: "1 h" },
				{ expr: "cluster:http_errors:ratio_rate6h / 0.001", legend: "6 h" },
			],
		},
		{
			title: "Open connections",
			description: "Of clients to the gateways.",
			unit: "short",
			queries: [{ expr: "active_connections", legend: "{{nodeID}}" }],
		},
	],
};
