import { setTimeout as delay } from "node:timers/promises";
import { LOCKS } from "../../../lib/locks.ts";
import type { NatsServer } from "../../contract/event-bus/nats-server.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import type { Databases } from "./databases.ts";
import { CONSUMER_NAMES, HISTORY, type Service, SOURCE_NAMES } from "./layout.ts";
import { type NodeProcess, nodeProcess } from "./node-process.ts";

/** The nodes of every service, as processes. */
export interface Cluster {
	/**
	 * Lets `fault` have its way with `count` nodes of the service that no other fault has hold of, once there are
	 * so many; the one that leads, if it can be told, is the first of them.
	 */
	afflict(service: Service, count: number, fault: (nodes: readonly NodeProcess[]) => Promise<void>): Promise<void>;
	/** What became of nodes that ended although nobody had killed them. */
	readonly accidents: readonly string[];
	/** Kills all. */
	stop(): Promise<void>;
}

export interface ClusterOptions {
	readonly sandbox: Sandbox;
	readonly databases: Databases;
	readonly nats: NatsServer;
	/** How many events each source tells in a second. */
	readonly perSecond: number;
}

export const NAMESPACE = "faults";

/** Two are enough for one to stand by and take over. */
export const NODES_PER_SERVICE = 2;
/** All nodes of a service may be down or stopped already. */
const CLAIM_AGAIN_MS = 100;

/** Starts all nodes, those that tell last. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
	const accidents: string[] = [];
	const nodes = new Map<Service, readonly NodeProcess[]>();
	const afflicted = new Set<NodeProcess>();

	async function start(services: readonly Service[]): Promise<void> {
		for (const service of services)
			nodes.set(
				service,
				nodesOf(service, options, (text) => accidents.push(text)),
			);
		await Promise.all(services.flatMap((service) => nodes.get(service) ?? []).map((node) => node.start()));
	}

	async function claim(service: Service, count: number): Promise<readonly NodeProcess[]> {
		const leader = await findLeader(options.databases, service);
		const free = nodes.get(service)?.filter((node) => !afflicted.has(node)) ?? [];
		if (free.length < count) return [];
		const claimed = free.sort((a, b) => Number(b.name === leader) - Number(a.name === leader)).slice(0, count);
		for (const node of claimed) afflicted.add(node);
		return claimed;
	}

	await start([HISTORY, ...CONSUMER_NAMES]);
	await start(SOURCE_NAMES);
	for (const [, ...standbys] of nodes.values()) for (const node of standbys) void node.start();
	return {
		accidents,
		async afflict(service, count, fault) {
			let claimed = await claim(service, count);
			for (; claimed.length < count; claimed = await claim(service, count)) await delay(CLAIM_AGAIN_MS);
			await fault(claimed);
			for (const node of claimed) afflicted.delete(node);
		},
		async stop() {
			await Promise.all([...nodes.values()].flat().map((node) => node.kill()));
		},
	};
}

function nodesOf(
	service: Service,
	{ sandbox, databases, nats, perSecond }: ClusterOptions,
	onAccident: (text: string) => void,
): NodeProcess[] {
	const settings = {
		service,
		databaseUrl: databases[service].url,
		natsUrl: nats.url,
		namespace: NAMESPACE,
		perSecond,
		startAt: Date.now(),
	};
	return Array.from({ length: NODES_PER_SERVICE }, (_, i) =>
		nodeProcess({ ...settings, name: `${service}-${i + 1}` }, sandbox, onAccident),
	);
}

/** The node that publishes or consumes for `service` now; nobody when it cannot be told. */
async function findLeader(databases: Databases, service: Service): Promise<string | undefined> {
	const lock = (SOURCE_NAMES as readonly Service[]).includes(service) ? LOCKS.relay : LOCKS.consumer;
	const leaders = databases[service].db.query<{ application_name: string }>(
		`SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE locktype = 'advisory' AND granted AND objid = $1 AND datname = current_database()`,
		[lock],
	);
	return leaders.then(
		([leader]) => leader?.application_name,
		() => undefined,
	);
}
