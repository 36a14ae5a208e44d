import { mkdirSync } from "node:fs";
import path from "node:path";
import { ServiceBroker } from "moleculer";
import { type Env, env } from "../../lib/env.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type Databases, migrateAll, openDatabases } from "../databases.ts";
import { type DemoUsers, seedDemo } from "../demo.ts";
import { claimInstance } from "../instance.ts";
import { expectFreePort, findFreePort, gatewayUrl } from "../ports.ts";
import type { Progress } from "../progress.ts";
import { serveRepl } from "../repl/server.ts";
import { serveControl } from "./control.ts";
import { type Crew, openCrew } from "./crew.ts";
import { endLeftovers, openRecords } from "./leftovers.ts";
import { boundLogs } from "./log-file.ts";
import { clusterFolder, type NodePlan, nodeRecipe, nodeSettings, planNodes, type Scale } from "./plan.ts";
import { planNats, planRedis } from "./servers.ts";
import { type Recipe, type Supervised, supervise } from "./supervised.ts";

export interface ClusterOptions {
	readonly scale: Scale;
	/** Whether each node shows its metrics on a port of its own. */
	readonly metrics: boolean;
	/** False for a cluster whose nodes remember each for itself. */
	readonly redis: boolean;
	readonly progress: Progress;
	/** Told what an operator should know: one or more lines. */
	readonly tell: (lines: string) => void;
	/** Asks for the stop that `stop` then does. */
	readonly askStop: () => void;
}

/** Every service as a process of its own, with the servers that they need. */
export interface Cluster {
	readonly crew: Crew;
	readonly transporter: string;
	/** Null when the users are in a database that is not ours to seed. */
	readonly demoUsers: DemoUsers | null;
	/** Ends gateways, services and servers, in this order. */
	stop(): Promise<void>;
}

/** The first of the ports for metrics when METRICS_PORT names no other. */
const METRICS_PORT = 9_400;

/** The databases and servers that the nodes of a cluster share. */
interface Foundation {
	readonly databases: Databases;
	readonly transporter: string;
	readonly redisUrl: string | null;
	/** Those that are our own. */
	readonly servers: readonly Pick<Supervised, "status">[];
}

interface Surroundings {
	readonly folder: string;
	readonly settings: Env;
	readonly options: ClusterOptions;
	readonly supervise: (recipe: Recipe) => Supervised;
	/** What is to be done at the end, the last first. */
	readonly closers: (() => Promise<void> | void)[];
}

/** Starts a cluster on this machine, with servers of its own where the environment names none. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
	const { progress, tell } = options;
	const settings = env();
	const folder = clusterFolder(settings.dataDir);
	const closers: Surroundings["closers"] = [];
	const stop = async () => {
		for (const close of closers.splice(0).reverse()) await close();
	};
	try {
		let ready: { readonly crew: Crew; readonly broker: ServiceBroker } | null = null;
		const claim = await claimInstance(settings.dataDir, (socket, greeting) => {
			if (!("control" in greeting)) serveRepl(socket, greeting, ready?.broker ?? null);
			else void serveControl(socket, greeting, ready?.crew ?? null, options.askStop);
		});
		closers.push(claim.release);
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		const left = await endLeftovers(folder);
		if (left.length > 0) tell(`Ended what a killed cluster had left running: ${left.join(", ")}`);
		const ports = await gatewayPorts(settings, options.scale.api);
		const records = openRecords(folder, tell);

		const surroundings: Surroundings = {
			folder,
			settings,
			options,
			supervise: (recipe) => supervise(recipe, { records, tell }),
			closers,
		};
		const foundation = await layFoundation(surroundings);
		const { transporter, databases } = foundation;
		const broker = await joinCluster(settings, transporter);
		closers.push(() => broker.stop());
		const crew = await startCrew(surroundings, foundation, ports, broker);
		const ours = databases.embedded.length === STATEFUL_SERVICES.length;
		const demoUsers = ours ? await progress("Demo users", () => seedDemo(broker, settings.dataDir)) : null;
		const url = gatewayUrl(settings.host, ports[0] as number);
		const started_at = new Date().toISOString();
		await claim.publish({ pid: process.pid, url, databases: databases.urls, transporter, started_at });
		ready = { crew, broker };
		return { crew, transporter, demoUsers, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

async function layFoundation({
	folder,
	settings,
	options,
	supervise: keep,
	closers,
}: Surroundings): Promise<Foundation> {
	const { progress, tell, scale } = options;
	const nats = settings.transporter ? null : await planNats(folder, logFile(folder, "nats-server"));
	const redis = settings.redisUrl || !options.redis ? null : await planRedis(folder, logFile(folder, "redis-server"));
	const databases = await openDatabases(settings, { progress, tell, processesOf: (service) => scale[service] });
	closers.push(databases.stop);
	const servers: Pick<Supervised, "status">[] = embeddedServer(databases);
	for (const plan of [nats, redis]) {
		if (!plan) continue;
		const server = keep(plan.recipe);
		closers.push(server.stop);
		await progress(server.name, server.start);
		servers.push(server);
	}
	await progress("Migrations", () => migrateAll(STATEFUL_SERVICES, urlOf(databases)));
	const transporter = settings.transporter ?? (nats?.url as string);
	return { databases, transporter, redisUrl: settings.redisUrl ?? redis?.url ?? null, servers };
}

/** PostgreSQL, when it is our own, as one of the processes. */
function embeddedServer({ server }: Databases): Pick<Supervised, "status">[] {
	const kept = server?.status();
	if (!server || !kept) return [];
	return [{ status: () => ({ ...(server.status() ?? kept), name: "postgres", logFile: server.logFile }) }];
}

async function startCrew(
	{ folder, settings, options, supervise: keep, closers }: Surroundings,
	{ databases, servers, transporter, redisUrl }: Foundation,
	ports: readonly number[],
	broker: ServiceBroker,
): Promise<Crew> {
	const common = { transporter, redisUrl, dataDir: settings.dataDir, databaseUrl: urlOf(databases) };
	const metricsBase = options.metrics ? (settings.metricsPort ?? METRICS_PORT) : null;
	const nodes = planNodes(options.scale, ports, metricsBase).map((plan) => ({
		plan: { ...plan, url: plan.port === null ? null : gatewayUrl(settings.host, plan.port) },
		process: keep(nodeRecipe(plan, nodeSettings(plan, common), logFile(folder, plan.name))),
	}));
	const crew = openCrew(servers, nodes, (plan) => serves(broker, plan));
	closers.push(boundLogs(crew.list().map(({ logFile: file }) => file)));
	closers.push(crew.stopNodes);
	await options.progress(`Services (${nodes.length} processes)`, crew.startNodes);
	return crew;
}

/** Whether `broker` would call the node for its service. */
function serves(broker: ServiceBroker, { name, service }: NodePlan): boolean {
	const known = broker.registry.getServiceList({ onlyAvailable: true });
	return known.some((entry) => entry.name === service && entry.nodeID === name);
}

function logFile(folder: string, name: string): string {
	return path.join(folder, "logs", `${name}.log`);
}

/** Ports for `count` gateways: from PORT on, or any that are free where PORT is 0. */
async function gatewayPorts({ port, host }: Env, count: number): Promise<number[]> {
	const ports: number[] = [];
	while (ports.length < count) {
		const next = port === 0 ? await findFreePort(0, host) : port + ports.length;
		if (ports.includes(next)) continue;
		await expectFreePort(next, host, "npm run cluster");
		ports.push(next);
	}
	return ports;
}

function urlOf({ urls }: Databases): (service: string) => string {
	return (service) => urls[service as keyof typeof urls];
}

/** A node of our own, for the demo users and the REPL. */
async function joinCluster(settings: Env, transporter: string): Promise<ServiceBroker> {
	const operator = { ...settings, transporter, nodeId: "operator", metricsPort: null, logLevel: "warn" } as const;
	const broker = new ServiceBroker(brokerOptions(operator));
	await broker.start();
	return broker;
}
