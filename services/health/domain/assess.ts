import type { ClusterHealth, DependencyHealth, HealthStatus, NodeHealth } from "../../../contracts/health.ts";

type ServiceHealth = ClusterHealth["services"][number];

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

/**
 * Down when a service is amiss that `isVital`, degraded when anything else is; `dependencies` by the service that they
 * serve.
 */
export function assessCluster(
	services: readonly ServiceHealth[],
	dependencies: ReadonlyMap<string, DependencyHealth>,
	isVital: (service: string) => boolean,
): HealthStatus {
	const broken = services.filter(({ name, status }) => status === "down" || dependencies.get(name)?.status === "down");
	if (broken.some(({ name }) => isVital(name))) return "down";
	const amiss = [...dependencies.values()].some(({ status }) => status !== "ok");
	return broken.length > 0 || amiss ? "degraded" : "ok";
}
