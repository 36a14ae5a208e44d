import type { Dashboard } from "./dashboard.ts";

const overview: Dashboard = {
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

const orderPath: Dashboard = {
	name: "order-path",
	title: "Order path",
	description: "From the request for an order to its trades.",
	panels: [
		{
			title: "Orders answered",
			description: "By the status that they had then.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (status) (rate(orders_answered_total[5m]))", legend: "{{status}}" }],
		},
		{
			title: "Orders refused",
			description: "By code. INTERNAL_ERROR and SERVICE_UNAVAILABLE are ours, all others the traders'.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (code) (rate(orders_refused_total[5m]))", legend: "{{code}}" }],
		},
		{
			title: "Stages, P95",
			description: "What an order takes at each stage. The one that grows is where to look.",
			unit: "s",
			queries: [{ expr: "stage:order_stage_duration_seconds:p95_5m", legend: "{{stage}}" }],
		},
		{
			title: "Stages, median",
			description: "What most orders take at each stage.",
			unit: "s",
			queries: [{ expr: "stage:order_stage_duration_seconds:p50_5m", legend: "{{stage}}" }],
		},
		{
			title: "Trades",
			description: "Committed trades by market.",
			unit: "ops",
			stacked: true,
			queries: [{ expr: "sum by (symbol) (rate(trades_total[5m]))", legend: "{{symbol}}" }],
		},
		{
			title: "Orders in books",
			description: "What rests in each market.",
			unit: "short",
			queries: [{ expr: "max by (symbol, side) (book_orders)", legend: "{{symbol}} {{side}}" }],
		},
		{
			title: "Writers of markets",
			description: "The epoch of each market: a step is a new writer. Steps beside a deployment are nodes that die.",
			unit: "none",
			queries: [{ expr: "symbol:market_lease_epoch:max", legend: "{{symbol}}" }],
		},
		{
			title: "Markets by node",
			description: "How many markets each node of trading writes.",
			unit: "none",
			stacked: true,
			queries: [{ expr: "markets_owned", legend: "{{nodeID}}" }],
		},
	],
};

const eventBus: Dashboard = {
	name: "event-bus",
	title: "Event bus",
	description: "Events on their way from outboxes to consumers.",
	panels: [
		{
			title: "Oldest unpublished event",
			description: "Age of the oldest event that has not gone out. Beyond 30 s something is stuck.",
			unit: "ms",
			limits: { wrong: 30_000 },
			queries: [{ expr: "max by (service) (outbox_oldest_age_ms)", legend: "{{service}}" }],
		},
		{
			title: "Unpublished events",
			description: "Events in the outboxes that have not gone out.",
			unit: "short",
			queries: [{ expr: "max by (service) (outbox_unpublished_events)", legend: "{{service}}" }],
		},
		{
			title: "Waiting events",
			description: "Events that JetStream holds for each consumer.",
			unit: "short",
			queries: [{ expr: "max by (consumer) (consumer_waiting_events)", legend: "{{consumer}}" }],
		},
		{
			title: "Delay",
			description: "How old the last event was when it was handled.",
			unit: "ms",
			queries: [{ expr: "max by (consumer) (consumer_delay_ms)", legend: "{{consumer}}" }],
		},
		{
			title: "Retried and parked events",
			description: "Events that failed and are tried again, and those that wait behind them.",
			unit: "short",
			queries: [
				{ expr: "max by (consumer) (consumer_retrying_events)", legend: "{{consumer}} retried" },
				{ expr: "max by (consumer) (consumer_parked_events)", legend: "{{consumer}} parked" },
			],
		},
		{
			title: "Dead letters",
			description: "Events that failed five times. Each waits for somebody to decide.",
			unit: "short",
			limits: { wrong: 1 },
			queries: [{ expr: "max by (consumer) (consumer_dead_letters)", legend: "{{consumer}}" }],
		},
	],
};

const database: Dashboard = {
	name: "database",
	title: "Database",
	description: "The pools of connections as services see them.",
	variable: { label: "service", metric: "database_pool_connections" },
	panels: [
		{
			title: "Used connections",
			description: "Of each node; DATABASE_POOL_SIZE is the most.",
			unit: "short",
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="used", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Callers that wait for a connection",
			description: "More than a few, for more than a moment: the database is slow or the pool too small.",
			unit: "short",
			limits: { wrong: 1 },
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="waiting", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Idle connections",
			description: "Connections that nobody uses; they close after 30 s.",
			unit: "short",
			queries: [
				{
					expr: 'max by (service, nodeID) (database_pool_connections{state="idle", service=~"$service"})',
					legend: "{{service}} {{nodeID}}",
				},
			],
		},
		{
			title: "Connections by database",
			description: "Of all nodes together; a server takes 100.",
			unit: "short",
			stacked: true,
			limits: { warning: 70, wrong: 90 },
			queries: [
				{
					expr: 'sum by (service) (database_pool_connections{state=~"used|idle", service=~"$service"})',
					legend: "{{service}}",
				},
			],
		},
	],
};

const node: Dashboard = {
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

/** What operators look at. */
export const DASHBOARDS: readonly Dashboard[] = [overview, orderPath, eventBus, database, node];
