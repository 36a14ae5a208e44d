import type { ServiceName } from "../../lib/topology.ts";

/** How a service's nodes differ from those of the others. */
export interface NodeShape {
	/** How many there are, at least. */
	readonly replicas: number;
	/** How many there may be where processors are busy; as many as `replicas` where more would not help. */
	readonly maxReplicas: number;
	readonly cpu: string;
	/** The most a node may take. */
	readonly memory: string;
	/** What it talks to outside the cluster. */
	readonly outside?: readonly ("https" | "smtp")[];
}

/** Answers, and shares the work with others of its kind. */
const SHARED: NodeShape = { replicas: 2, maxReplicas: 4, cpu: "100m", memory: "384Mi" };

/** Two, so that one is there while the other is not: whoever leads does the work. */
const LED: NodeShape = { replicas: 2, maxReplicas: 2, cpu: "100m", memory: "384Mi" };

/** Answers seldom; nobody waits for it. */
const SINGLE: NodeShape = { replicas: 1, maxReplicas: 1, cpu: "50m", memory: "256Mi" };

/** Every service of the cluster. */
export const NODES: Readonly<Record<ServiceName, NodeShape>> = {
	api: { ...SHARED, maxReplicas: 8, cpu: "250m" },
	health: SINGLE,
	// Cluster gauges: two would count everything twice.
	metrics: SINGLE,
	audit: LED,
	// Passwords are hashed on all processors that it has.
	auth: { ...SHARED, cpu: "250m", memory: "512Mi" },
	config: LED,
	data: SHARED,
	events: { ...LED, memory: "512Mi", outside: ["https"] },
	notifications: { ...LED, outside: ["https", "smtp"] },
	orders: { ...SHARED, maxReplicas: 6, cpu: "500m", memory: "512Mi" },
	risk: { ...SHARED, cpu: "250m" },
	// A market has one writer: a node more takes markets over only as others let them go, so more are added by hand.
	trading: { replicas: 2, maxReplicas: 2, cpu: "500m", memory: "1Gi" },
	users: SHARED,
};
