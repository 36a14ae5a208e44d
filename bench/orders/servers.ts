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

/** Makes the databases of all services on the sandbox's server, and gives the variables that name them. */
export async function createDatabases(): Promise<Readonly<Record<string, string>>> {
	const names = STATEFUL_SERVICES.map(databaseName);
	await onServer(async (server) => {
		for (const name of names) await server.query(`CREATE DATABASE ${name}`);
	});
	const urls = STATEFUL_SERVICES.map((service) => [databaseVariable(service), serverUrl(databaseName(service))]);
	return Object.fromEntries(urls);
}

/** TPC-B on a database of its own on the same server. */
export async function createTpcb(): Promise<Tpcb> {
	await onServer((server) => server.query("CREATE DATABASE tpcb"));
	return prepareTpcb(serverUrl("tpcb"));
}
