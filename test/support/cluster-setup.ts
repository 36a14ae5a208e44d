import { startNatsServer } from "../contract/event-bus/nats-server.ts";
import { NATS_VARIABLE } from "./cluster-node.ts";
import { openSandbox } from "./sandbox.ts";

/** Several processes of the same service, each with a pool. */
const MAX_CONNECTIONS = 400;

/** One PostgreSQL and one NATS for the run; each test file has databases and a namespace of its own in them. */
export default async function clusterSetup(): Promise<void> {
	const sandbox = await openSandbox({ maxConnections: MAX_CONNECTIONS, durable: false });
	globalThis.endPostgres = sandbox.remove;
	const nats = await startNatsServer(sandbox);
	process.env[NATS_VARIABLE] = nats.url;
}
