import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import type net from "node:net";
import os from "node:os";
import path from "node:path";
import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import type { Db } from "../../lib/db.ts";
import {
	databaseVariable,
	isStateful,
	SERVICE_NAMES,
	type ServiceName,
	type StatefulService,
} from "../../lib/topology.ts";
import { NATS_VARIABLE, type Processes, startProcesses } from "./cluster-node.ts";
import { createDatabase, type TestDatabase } from "./databases.ts";

/** A node with services for one test file. */
export interface TestNode {
	readonly broker: ServiceBroker;
	/** The gateways, if there are any. */
	readonly urls: readonly string[];
	/** The services' databases, for a look behind the curtain. */
	readonly dbs: Readonly<Record<StatefulService, Db>>;
	/** The node's own, where it keeps mail. */
	readonly dataDir: string;
	stop(): Promise<void>;
}

/** A node with the gateway on a port of its own. */
export interface TestApi extends TestNode {
	readonly baseUrl: string;
}

/**
 * Starts the real services on fresh databases, in a namespace of their own: in this process, or each in one of its own
 * where the run has set up a cluster.
 */
export async function startServices(services: readonly ServiceName[]): Promise<TestNode> {
	const stateful = services.filter(isStateful);
	const databases = await Promise.all(stateful.map((service) => createDatabase(service)));
	const id = randomBytes(6).toString("hex");
	const dataDir = path.join(os.tmpdir(), `agt-data-${id}`);
	Object.assign(process.env, {
		NAMESPACE: `test-${id}`,
		NODE_ID: `node-${id}`,
		HOST: "127.0.0.1",
		PORT: "0",
		DATA_DIR: dataDir,
	});
	stateful.forEach((service, i) => (process.env[databaseVariable(service)] = databases[i]?.url));
	try {
		const running = await (process.env[NATS_VARIABLE] ? startProcesses(services) : startInProcess(services));
		return testNode(running, stateful, databases, dataDir);
	} catch (error) {
		await Promise.all(databases.map((database) => database.drop()));
		throw error;
	}
}

/** Starts the gateway and the services behind it; all of them unless told. */
export async function startApi(services: readonly ServiceName[] = SERVICE_NAMES): Promise<TestApi> {
	const node = await startServices([...new Set<ServiceName>(["api", ...services])]);
	const [baseUrl = ""] = node.urls;
	return { ...node, baseUrl };
}

async function startInProcess(services: readonly ServiceName[]): Promise<Processes> {
	const broker = await createNode(services, { logger: false, dependencyInterval: 10 });
	await broker.start();
	const gateway = broker.getLocalService("api") as unknown as { server: net.Server } | undefined;
	const urls = gateway ? [`http://127.0.0.1:${(gateway.server.address() as net.AddressInfo).port}`] : [];
	return { broker, urls, stop: () => broker.stop() };
}

function testNode(
	{ broker, urls, stop }: Processes,
	stateful: readonly StatefulService[],
	databases: readonly TestDatabase[],
	dataDir: string,
): TestNode {
	const dbs = Object.fromEntries(stateful.map((service, i) => [service, databases[i]?.db]));
	return {
		broker,
		urls,
		dbs: dbs as Record<StatefulService, Db>,
		dataDir,
		async stop() {
			await stop();
			await Promise.all(databases.map((database) => database.drop()));
			await rm(dataDir, { recursive: true, force: true });
		},
	};
}
