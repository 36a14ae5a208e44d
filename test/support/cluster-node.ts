import path from "node:path";
import type { ServiceBroker } from "moleculer";
import { nodeRecipe, nodeSettings, planNodes, readScale } from "../../cli/cluster/plan.ts";
import { type Supervised, supervise } from "../../cli/cluster/supervised.ts";
import { createNode } from "../../cli/node.ts";
import { env } from "../../lib/env.ts";
import type { ServiceName } from "../../lib/topology.ts";
import { freePort } from "./free-port.ts";

/** Where `cluster-setup.ts` leaves the servers' URLs for test files whose services are to be processes. */
export const NATS_VARIABLE = "TEST_NATS_URL";

/** So that every test that goes over more than one of these has to do with several. */
const SCALE = readScale("orders=2,trading=2,api=2");

/** Services as processes of a cluster, and a node of this process that has joined it. */
export interface Processes {
	readonly broker: ServiceBroker;
	/** The gateways, if there are any. */
	readonly urls: readonly string[];
	/** Ends all; throws when one has died or would not end. */
	stop(): Promise<void>;
}

/** Starts `services` as processes with the settings of this one, over the NATS of the run. */
export async function startProcesses(services: readonly ServiceName[]): Promise<Processes> {
	const transporter = process.env[NATS_VARIABLE] ?? "";
	process.env["TRANSPORTER"] = transporter;
	const { dataDir, databaseUrl, redisUrl } = env();
	const ports = [await freePort(), await freePort()];
	const plans = planNodes(SCALE, ports, null).filter(({ service }) => services.includes(service));
	const troubles: string[] = [];
	const surroundings = {
		records: { add: () => {}, remove: () => {} },
		tell: (trouble: string) => void troubles.push(trouble),
	};
	const nodes = plans.map((plan): Supervised => {
		const settings = nodeSettings(plan, { transporter, redisUrl, dataDir, databaseUrl });
		return supervise(nodeRecipe(plan, settings, path.join(dataDir, "logs", `${plan.name}.log`)), surroundings);
	});
	const broker = await createNode([], { logger: false, nodeID: "tester" });
	const stop = async () => {
		await broker.stop();
		await Promise.all(nodes.map((node) => node.stop()));
		if (troubles.length > 0) throw new Error(troubles.join("\n"));
	};
	try {
		await broker.start();
		await Promise.all(nodes.map((node) => node.start()));
		await broker.waitForServices([...services]);
		return { broker, urls: ports.map((port) => `http://127.0.0.1:${port}`), stop };
	} catch (error) {
		await stop().catch(() => {});
		throw error;
	}
}
