export interface MetricsApi {
	/** Gauges of the cluster's nodes, services, actions and events as that node sees them, in Prometheus's text. */
	cluster(): string;
}
