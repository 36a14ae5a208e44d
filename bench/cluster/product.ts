import { ServiceBroker } from "moleculer";
import { migrateAll } from "../../cli/databases.ts";
import { env } from "../../lib/env.ts";
import { SERVICE_NAMES, type ServiceName, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { freePort } from "../../test/support/free-port.ts";
import type { Sandbox } from "../../test/support/sandbox.ts";
import { until } from "../../test/support/until.ts";
import { type Child, startChild } from "../orders/children.ts";
import type { Product } from "../orders/measure.ts";
import { createDatabases } from "../orders/servers.ts";
import { provideTraders, TRADERS } from "../orders/traders.ts";

/** The services on the path of an order: a process each. All others share one. */
const ON_PATH = ["api", "orders", "risk", "trading"] as const satisfies readonly ServiceName[];

const READY_MS = 60_000;
const READY_POLL_MS = 100;

/** A cluster whose nodes are processes over NATS. */
export interface ClusterProduct extends Product {
	/** Starts further nodes of a service, and resolves once all others know of them. */
	add(service: ServiceName, nodes: number): Promise<void>;
	stop(): Promise<void>;
}

/** Starts the cluster on new databases of the sandbox's server, with rich traders. */
export async function startCluster(sandbox: Sandbox, transporter: string): Promise<ClusterProduct> {
	const port = await freePort();
	const databases = await createDatabases();
	await migrateAll(STATEFUL_SERVICES, env(databases).databaseUrl);
	const shared = {
		...databases,
		TRANSPORTER: transporter,
		LOG_LEVEL: "warn",
		DATA_DIR: `${sandbox.folder}/data`,
		PORT: String(port),
	};
	const nodes: Child<unknown>[] = [];
	let started = 0;
	const start = async (services: readonly ServiceName[]) => {
		const own = { SERVICES: services.join(","), NODE_ID: `${services[0]}-${++started}` };
		nodes.push(await startChild(sandbox, "../../cli/service.ts", [], { ...shared, ...own }));
	};
	const others = SERVICE_NAMES.filter((name) => !(ON_PATH as readonly ServiceName[]).includes(name));
	const url = `http://127.0.0.1:${port}`;
	await Promise.all([...ON_PATH.map((name) => start([name])), start(others)]);
	await until(() => isReady(url), READY_MS, READY_POLL_MS);

	const broker = new ServiceBroker(brokerOptions({ ...env(), transporter, nodeId: "bench", logLevel: "warn" }));
	await broker.start();
	await broker.waitForServices([...SERVICE_NAMES], READY_MS, READY_POLL_MS);
	return {
		told: { url, traders: await provideTraders(broker, TRADERS) },
		async cpuS() {
			const used = await Promise.all(nodes.map((node) => node.cpuS()));
			return used.reduce((sum, s) => sum + s, 0);
		},
		async add(service, count) {
			const known = () =>
				broker.registry.getServiceList({ onlyAvailable: true }).filter(({ name }) => name === service);
			const before = known().length;
			await Promise.all(Array.from({ length: count }, () => start([service])));
			await until(() => known().length === before + count, READY_MS, READY_POLL_MS);
		},
		async stop() {
			await broker.stop();
			await Promise.all(nodes.map((node) => node.stop()));
		},
	};
}

async function isReady(url: string): Promise<boolean> {
	const answer = await fetch(`${url}/health/ready`).catch(() => null);
	return answer?.status === 200;
}
