import type { Context } from "moleculer";
import type { ClusterHealth, DependencyHealth, NodeHealth } from "../../contracts/health.ts";
import { isOnOrderPath, SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { DATABASE_CHECK } from "../../mixins/database.mixin.ts";
import { assessCluster, assessDependency, assessServices } from "./domain/assess.ts";

/** A database that takes longer to answer nothing at all is as good as gone. */
const CHECK_TIMEOUT_MS = 2_000;

/** What this node's registry knows of Moleculer's nodes and services. */
interface KnownNode {
	readonly id: string;
	readonly available: boolean;
	readonly local: boolean;
	readonly services?: readonly { readonly name: string }[];
}

/** The whole cluster as this node sees it, with each service's database asked on every node that serves it. */
export async function clusterHealth(ctx: Context): Promise<ClusterHealth> {
	const nodes = readNodes(ctx);
	const databases = await Promise.all(
		STATEFUL_SERVICES.map(async (service) => [service, await checkDatabase(ctx, service, nodes)] as const),
	);
	const services = assessServices(SERVICE_NAMES, nodes);
	return {
		status: assessCluster(services, new Map(databases), isOnOrderPath),
		timestamp: new Date().toISOString(),
		nodes,
		services,
		dependencies: [...databases.map(([, database]) => database), ...transport(ctx)],
	};
}

function readNodes({ broker }: Context): NodeHealth[] {
	const list: readonly unknown[] = broker.registry.getNodeList({ onlyAvailable: false, withServices: true });
	const known = list as readonly KnownNode[];
	return known.map(({ id, available, local, services = [] }) => ({
		node_id: id,
		available,
		local,
		services: services
			.map(({ name }) => name)
			.filter((name) => !name.startsWith("$"))
			.sort(),
	}));
}

async function checkDatabase(ctx: Context, service: string, nodes: readonly NodeHealth[]): Promise<DependencyHealth> {
	const serving = nodes.filter((node) => node.available && node.services.includes(service));
	const latencies = await Promise.all(
		serving.map(async ({ node_id }) => {
			const startedAt = performance.now();
			try {
				await ctx.call(`${service}.${DATABASE_CHECK}`, {}, { nodeID: node_id, timeout: CHECK_TIMEOUT_MS });
				return Math.round(performance.now() - startedAt);
			} catch {
				return null;
			}
		}),
	);
	return assessDependency(`postgresql:${service}`, latencies);
}

/** This answer would not have come without NATS, where there is one. */
function transport({ broker }: Context): DependencyHealth[] {
	if (!broker.transit) return [];
	return [{ name: "nats", status: broker.transit.connected ? "ok" : "down", latency_ms: null }];
}
