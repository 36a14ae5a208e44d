interface Definition {
	readonly type: "counter" | "gauge" | "histogram";
	readonly labels: readonly string[];
	readonly help: string;
	/** Upper bounds of a histogram's buckets. */
	readonly buckets?: readonly number[];
}

/** Seconds, from what a healthy order takes to what nobody waits for any more. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/**
 * Every metric of every node, as Prometheus sees it; each also has the labels `namespace` and `nodeID`. A label has few
 * values, all known beforehand but for symbols: never an id, a path or a name that a client has chosen.
 */
export const METRICS = {
	http_requests_total: {
		type: "counter",
		labels: ["service", "endpoint", "method", "status"],
		help: "Requests that the gateway answered, by the service and the pattern of their route",
	},
	http_request_duration_seconds: {
		type: "histogram",
		labels: ["service", "endpoint"],
		help: "From a request's headers to the end of its answer",
		buckets: SECONDS,
	},
	http_errors_total: {
		type: "counter",
		labels: ["service", "endpoint", "error_type"],
		help: "Requests that were answered by a problem, by its code",
	},
	active_connections: { type: "gauge", labels: ["service"], help: "Open connections to the gateway" },
	rate_limit_hits_total: {
		type: "counter",
		labels: ["limit"],
		help: "Requests that were turned away because a limit was reached",
	},

	orders_answered_total: {
		type: "counter",
		labels: ["status"],
		help: "Orders that were answered, by the status that they then had",
	},
	orders_refused_total: {
		type: "counter",
		labels: ["code"],
		help: "Orders that were refused or rejected, by code",
	},
	order_stage_duration_seconds: {
		type: "histogram",
		labels: ["stage"],
		help: "What an order took at each stage: keep, risk, trading, apply, and in total",
		buckets: SECONDS,
	},

	trades_total: { type: "counter", labels: ["symbol"], help: "Trades that this node has committed" },
	book_orders: { type: "gauge", labels: ["symbol", "side"], help: "Orders in the book of a market of this node" },
	markets_owned: { type: "gauge", labels: [], help: "Markets that this node writes" },
	market_lease_epoch: {
		type: "gauge",
		labels: ["symbol"],
		help: "The epoch of a market of this node: it grows with each new writer",
	},
	trading_halted: {
		type: "gauge",
		labels: ["scope"],
		help: "Scopes in which trading is halted or reduced: 1 or 0 for global, how many symbols and users",
	},
	invariant_holds: {
		type: "gauge",
		labels: ["invariant"],
		help: "1 where the last check of an invariant found nothing wrong, else 0",
	},

	outbox_unpublished_events: { type: "gauge", labels: ["service"], help: "Events that wait to be published" },
	outbox_oldest_age_ms: { type: "gauge", labels: ["service"], help: "Age of the oldest event that waits so" },
	consumer_waiting_events: { type: "gauge", labels: ["consumer"], help: "Events that the transport holds for it" },
	consumer_delay_ms: { type: "gauge", labels: ["consumer"], help: "Age of the last event when it was handled" },
	consumer_retrying_events: { type: "gauge", labels: ["consumer"], help: "Events that failed and are tried again" },
	consumer_parked_events: { type: "gauge", labels: ["consumer"], help: "Events that wait for an earlier one" },
	consumer_dead_letters: { type: "gauge", labels: ["consumer"], help: "Events that were given up on" },

	database_up: {
		type: "gauge",
		labels: ["service"],
		help: "1 while the node reaches the service's database, else 0",
	},
	database_pool_connections: {
		type: "gauge",
		labels: ["service", "state"],
		help: "Connections of a service's pool that are used or idle, and callers that wait for one",
	},
	trace_spans_dropped_total: {
		type: "counter",
		labels: [],
		help: "Spans that the collector did not take in time",
	},

	node_started: {
		type: "gauge",
		labels: [],
		help: "1 once every service of the node has started; the port answers before",
	},
	process_cpu_seconds_total: { type: "counter", labels: [], help: "CPU time of the process, user and system" },
	process_resident_memory_bytes: { type: "gauge", labels: [], help: "Memory of the process in RAM" },
	nodejs_heap_size_used_bytes: { type: "gauge", labels: [], help: "Memory that JavaScript's objects take" },
	nodejs_eventloop_lag_p99_seconds: {
		type: "gauge",
		labels: [],
		help: "99th percentile of the event loop's delay since the last scrape",
	},
} as const satisfies Readonly<Record<string, Definition>>;

type Table = typeof METRICS;
export type MetricName = keyof Table;
type NameOf<Type extends Definition["type"]> = {
	[N in MetricName]: Table[N]["type"] extends Type ? N : never;
}[MetricName];
export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;
/** The labels of a metric, all of them. */
export type LabelsOf<N extends MetricName> = Readonly<Record<Table[N]["labels"][number], string>>;
