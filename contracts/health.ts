import type { Timestamp } from "./common.ts";

export type HealthStatus = "ok" | "degraded" | "down";

export interface DependencyHealth {
	readonly name: string;
	readonly status: HealthStatus;
	readonly latency_ms: number | null;
}

export interface NodeHealth {
	readonly node_id: string;
	readonly available: boolean;
	readonly local: boolean;
	readonly services: readonly string[];
}

export interface ClusterHealth {
	readonly status: HealthStatus;
	readonly timestamp: Timestamp;
	readonly nodes: readonly NodeHealth[];
	readonly services: readonly { readonly name: string; readonly status: HealthStatus; readonly instances: number }[];
	readonly dependencies: readonly DependencyHealth[];
}

export interface HealthApi {
	/** The whole cluster: nodes, services that should be there, and what they depend on. */
	cluster(): ClusterHealth;
}
