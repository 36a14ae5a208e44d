import path from "node:path";
import { databaseVariable, isStateful, SERVICE_NAMES, type ServiceName } from "../../lib/topology.ts";
import { usageError } from "../run.ts";
import type { Recipe } from "./supervised.ts";

/** How many processes each service has. */
export type Scale = Readonly<Record<ServiceName, number>>;

/** A process of the cluster that runs one service. */
export interface NodePlan {
	/** Its NODE_ID, such as `orders-1`: the same at each start, so that leases of a killed one are known as its own. */
	readonly name: string;
	readonly service: ServiceName;
	/** Where a gateway listens; null for what is no gateway. */
	readonly port: number | null;
	readonly metricsPort: number | null;
}

const SERVICE_PROGRAM = path.join(import.meta.dirname, "../service.ts");

/** More than a machine can use. */
const MAX_PROCESSES = 16;

/** Reads `orders=2,api=2`; what is not named has one process. Throws a line for the user where it is wrong. */
export function readScale(text: string): Scale {
	const scale = Object.fromEntries(SERVICE_NAMES.map((service) => [service, 1])) as Record<ServiceName, number>;
	for (const item of text.split(",").filter(Boolean)) {
		const [, name, count] = /^\s*(\w+)=(\d{1,2})\s*$/.exec(item) ?? [];
		const service = SERVICE_NAMES.find((known) => known === name);
		if (!service || Number(count) < 1 || Number(count) > MAX_PROCESSES) {
			const allowed = `N from 1 to ${MAX_PROCESSES} and a service of ${SERVICE_NAMES.join(", ")}`;
			throw usageError(`--scale ${item}: it must be SERVICE=N with ${allowed}`);
		}
		scale[service] = Number(count);
	}
	return scale;
}

/** The nodes of a cluster; gateways listen on `ports` in turn, and metrics are shown from `metricsBase` on. */
export function planNodes(scale: Scale, ports: readonly number[], metricsBase: number | null): NodePlan[] {
	const names = SERVICE_NAMES.flatMap((service) =>
		Array.from({ length: scale[service] }, (_, i) => ({ service, i, name: `${service}-${i + 1}` })),
	);
	return names.map(({ service, i, name }, place) => ({
		name,
		service,
		port: service === "api" ? (ports[i] ?? null) : null,
		metricsPort: metricsBase === null ? null : metricsBase + place,
	}));
}

/** What all nodes are told. */
export interface CommonSettings {
	readonly transporter: string;
	readonly redisUrl: string | null;
	readonly dataDir: string;
	readonly databaseUrl: (service: string) => string;
}

/** The environment of a node: of the databases it knows only its own. */
export function nodeSettings(node: NodePlan, common: CommonSettings): Record<string, string> {
	const { service, port, metricsPort } = node;
	return {
		NODE_ID: node.name,
		SERVICES: service,
		TRANSPORTER: common.transporter,
		REDIS_URL: common.redisUrl ?? "",
		DATA_DIR: common.dataDir,
		METRICS_PORT: metricsPort === null ? "" : String(metricsPort),
		...(port !== null && { PORT: String(port) }),
		...(isStateful(service) && { [databaseVariable(service)]: common.databaseUrl(service) }),
	};
}

/** How to run a node with `settings`. */
export function nodeRecipe({ name }: Pick<NodePlan, "name">, settings: Recipe["settings"], logFile: string): Recipe {
	return { name, command: process.execPath, args: [SERVICE_PROGRAM], settings, logFile, ready: "says so" };
}

/** The cluster's own folder. */
export function clusterFolder(dataDir: string): string {
	return path.join(dataDir, "cluster");
}
