import { databaseVariable, SERVICE_NAMES, type ServiceName, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { createDatabase } from "../support/databases.ts";
import { freePort } from "../support/free-port.ts";
import { type Running, runCli, runCliToEnd } from "./processes.ts";

/** Every service as a process of its own, over one NATS and on databases of their own. */
export interface ServiceNodes {
	readonly nats: NatsServer;
	/** What every node is started with. */
	readonly settings: Readonly<Record<string, string>>;
	/** Where the gateway is. */
	readonly baseUrl: string;
	/** Starts the node of a service that has ended. */
	start(service: ServiceName): void;
	/** Ends the node of a service; resolves with its exit code, or null when the signal ended it. */
	end(service: ServiceName, signal: NodeJS.Signals): Promise<number | null | undefined>;
	/** Throws `error` with what every node has printed: a cluster that does not come up has said why. */
	withLogs(error: unknown): never;
	/** Asks all to stop; resolves with their exit codes once nothing is left. */
	stop(): Promise<readonly (number | null)[]>;
}

/** Migrates the databases and starts the nodes, without waiting until they serve. */
export async function startServiceNodes(
	namespace: string,
	more: Readonly<Record<string, string>>,
): Promise<ServiceNodes> {
	const nats = await startNatsServer();
	const databases = await Promise.all(STATEFUL_SERVICES.map(() => createDatabase()));
	const port = String(await freePort());
	const urls = STATEFUL_SERVICES.map((service, i) => [databaseVariable(service), databases[i]?.url ?? ""]);
	const settings = {
		TRANSPORTER: nats.url,
		NAMESPACE: namespace,
		PORT: port,
		LOG_LEVEL: "warn",
		...Object.fromEntries(urls),
		...more,
	};
	const removeServers = async () => {
		await Promise.all(databases.map((database) => database.drop()));
		await nats.remove();
	};
	const migration = await runCliToEnd("migrate", settings);
	if (migration.code !== 0) {
		await removeServers();
		throw new Error(migration.output);
	}
	const nodes = new Map<ServiceName, Running>();
	const start = (service: ServiceName) =>
		void nodes.set(service, runCli("service", { ...settings, SERVICES: service, NODE_ID: `${service}-1` }));
	for (const service of SERVICE_NAMES) start(service);
	return {
		nats,
		settings,
		baseUrl: `http://127.0.0.1:${port}`,
		start,
		end: async (service, signal) => nodes.get(service)?.end(signal),
		withLogs(error) {
			const logs = [...nodes].map(
				([service, node]) => `--- ${service} (${node.process.exitCode})\n${node.output().slice(-2_000)}`,
			);
			throw new Error(logs.join("\n"), { cause: error });
		},
		async stop() {
			const codes = await Promise.all([...nodes.values()].map((node) => node.end("SIGTERM")));
			await removeServers();
			return codes;
		},
	};
}
