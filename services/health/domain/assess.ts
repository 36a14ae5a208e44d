import type { ClusterHealth, DependencyHealth, HealthStatus, NodeHealth } from "../../../contracts/health.ts";

type ServiceHealth = ClusterHealth["services"][number];

/** Without these no order is placed; without the others orders still are, and the cluster is only degraded. */
const ORDER_PATH: ReadonlySet<string> = new Set(["api", "auth", "users", "orders", "risk", "trading", "data"]);

/** Each service that should be there, with the nodes that serve it now. */
export function assessServices(expected: readonly string[], nodes: readonly NodeHealth[]): ServiceHealth[] {
	return expected.map((name) => {
		const instances = nodes.filter((node) => node.available && node.services.includes(name)).length;
		return { name, status: instances > 0 ? "ok" : "down", instances };
	});
}

/** A dependency as its users see it: latencies of those that reached it, null of those that did not. */
export function assessDependency(name: string, latenciesMs: readonly (number | null)[]): DependencyHealth {
	const reached = latenciesMs.filter((latency) => latency !== null);
	const status = reached.length === 0 ? "down" : reached.length < latenciesMs.length ? "degraded" : "ok";
	return { name, status, latency_ms: reached.length > 0 ? Math.max(...reached) : null };
}

/** Down when orders cannot be placed, degraded when anything else is amiss; `dependencies` by service they serve. */
export function assessCluster(
	services: readonly ServiceHealth[],
	dependencies: ReadonlyMap<string, DependencyHealth>,
): HealthStatus {
	const broken = services.filter(({ name, status }) => status === "down" || dependencies.get(name)?.status === "down");
	if (broken.some(({ name }) => ORDER_PATH.has(name))) return "down";
	const amiss = [...dependencies.values()].some(({ status }) => status !== "ok");
	return broken.length > 0 || amiss ? "degraded" : "ok";
}
