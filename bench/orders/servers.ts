import { databaseName, databaseVariable, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { onServer, serverUrl } from "../../test/support/databases.ts";
import { openSandbox, type Sandbox } from "../../test/support/sandbox.ts";
import { prepareTpcb, type Tpcb } from "./tpcb.ts";

/** Pools of the services, and 256 clients of TPC-B. */
const MAX_DATABASE_CONNECTIONS = 450;

/** A PostgreSQL that keeps what it has acknowledged. */
export function openDurableSandbox(): Promise<Sandbox> {
	return openSandbox({ maxConnections: MAX_DATABASE_CONNECTIONS, durable: true });
}

/**
 * Makes the databases of all services on the sandbox's server, with names that begin with `prefix`, and gives the
 * variables that name them.
 */
export async function createDatabases(prefix = ""): Promise<Readonly<Record<string, string>>> {
	const nameOf = (service: (typeof STATEFUL_SERVICES)[number]) => `${prefix}${databaseName(service)}`;
	await onServer(async (server) => {
		for (const service of STATEFUL_SERVICES) await server.query(`CREATE DATABASE ${nameOf(service)}`);
	});
	const urls = STATEFUL_SERVICES.map((service) => [databaseVariable(service), serverUrl(nameOf(service))]);
	return Object.fromEntries(urls);
}

/** TPC-B on a database of its own on the same server. */
export async function createTpcb(): Promise<Tpcb> {
	await onServer((server) => server.query("CREATE DATABASE tpcb"));
	return prepareTpcb(serverUrl("tpcb"));
}
