import type { NodeHealth } from "../../../contracts/health.ts";
import { assessCluster, assessDependency, assessServices } from "../../../services/health/domain/assess.ts";

const NAMES = ["api", "orders", "events"];

function node(id: string, services: readonly string[], available = true): NodeHealth {
	return { node_id: id, available, local: false, services };
}

test("a service has as many instances as there are nodes that serve it now", () => {
	const nodes = [node("a", ["api", "orders"]), node("b", ["orders"]), node("c", ["events"], false)];
	expect(assessServices(NAMES, nodes)).toEqual([
		{ name: "api", status: "ok", instances: 1 },
		{ name: "orders", status: "ok", instances: 2 },
		{ name: "events", status: "down", instances: 0 },
	]);
});

test.each([
	[[3, 7], "ok", 7],
	[[3, null], "degraded", 3],
	[[null], "down", null],
	[[], "down", null],
] as const)("a database that its nodes reach in %j ms is %s", (latencies, status, latency_ms) => {
	expect(assessDependency("postgresql:orders", latencies)).toEqual({ name: "postgresql:orders", status, latency_ms });
});

test.each([
	["all is there", NAMES, [5], "ok"],
	["the history is away", ["api", "orders"], [5], "degraded"],
	["orders cannot be placed", ["api", "events"], [5], "down"],
	["one node of orders lost its database", NAMES, [5, null], "degraded"],
	["orders lost its database", NAMES, [null], "down"],
] as const)("when %s, the cluster is so", (_case, served, latencies, status) => {
	const services = assessServices(NAMES, [node("a", served)]);
	const dependencies = new Map([["orders", assessDependency("postgresql:orders", latencies)]]);
	expect(assessCluster(services, dependencies, (name) => name !== "events")).toBe(status);
});
