import type net from "node:net";
import type { ServiceBroker } from "moleculer";
import { env, setDatabaseUrls } from "../lib/env.ts";
import { SERVICE_NAMES, STATEFUL_SERVICES } from "../lib/topology.ts";
import { refuseControl } from "./cluster/control.ts";
import { type DatabaseUrls, migrateAll, openDatabases } from "./databases.ts";
import { type DemoUsers, seedDemo } from "./demo.ts";
import { claimInstance } from "./instance.ts";
import { createNode } from "./node.ts";
import { expectFreePort, gatewayUrl } from "./ports.ts";
import { type Progress, showNotice } from "./progress.ts";
import { serveRepl } from "./repl/server.ts";

/** Every service in this process. */
export interface Embedded {
	readonly broker: ServiceBroker;
	/** The gateway's URL on this machine. */
	readonly url: string;
	readonly databases: DatabaseUrls;
	/** Null when the users are in a database that is not ours to seed. */
	readonly demoUsers: DemoUsers | null;
	/** Answers what was taken, then ends everything in turn: gateway, services, database server. */
	stop(): Promise<void>;
}

/** The same at each start: leases of an earlier process that was killed are then known to be this node's own. */
const NODE_ID = "embedded";

/** Starts all that a cluster has in this process, on a PostgreSQL of its own where the environment names no other. */
export async function startEmbedded(progress: Progress): Promise<Embedded> {
	const settings = env();
	const closers: (() => Promise<void>)[] = [];
	const stop = async () => {
		for (const close of closers.splice(0).reverse()) await close();
	};
	try {
		let ready: ServiceBroker | null = null;
		const claim = await claimInstance(settings.dataDir, (socket, greeting) => {
			if ("control" in greeting) refuseControl(socket);
			else serveRepl(socket, greeting, ready);
		});
		closers.push(claim.release);
		// moleculer-web would end the process where it stands.
		await expectFreePort(settings.port, settings.host, "npm start");

		const { urls, embedded, stop: stopDatabases } = await openDatabases(settings, { progress, tell: showNotice });
		closers.push(stopDatabases);
		setDatabaseUrls(urls);
		await progress("Migrations", () => migrateAll(STATEFUL_SERVICES, settings.databaseUrl));

		const broker = await createNode(SERVICE_NAMES, { transporter: null, nodeID: NODE_ID });
		closers.push(() => broker.stop());
		await progress("Services", () => broker.start());

		const ours = embedded.length === STATEFUL_SERVICES.length;
		const demoUsers = ours ? await progress("Demo users", () => seedDemo(broker, settings.dataDir)) : null;
		const url = urlOf(broker, settings.host);
		await claim.publish({
			pid: process.pid,
			url,
			databases: urls,
			transporter: null,
			started_at: new Date().toISOString(),
		});
		ready = broker;
		return { broker, url, databases: urls, demoUsers, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

/** With port 0 the system chose one. */
function urlOf(broker: ServiceBroker, host: string): string {
	const gateway = broker.getLocalService("api") as unknown as { readonly server: net.Server };
	return gatewayUrl(host, (gateway.server.address() as net.AddressInfo).port);
}
