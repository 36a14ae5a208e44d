import { openSandbox } from "./sandbox.ts";

/** Several test files at once, each with a pool per service. */
const MAX_CONNECTIONS = 400;

declare global {
	/** Ends the run's PostgreSQL and removes its files. */
	var endPostgres: (() => Promise<void>) | undefined;
}

/** One PostgreSQL for the run; test files make databases of their own in it. */
export default async function globalSetup(): Promise<void> {
	const sandbox = await openSandbox({ maxConnections: MAX_CONNECTIONS, durable: false });
	globalThis.endPostgres = sandbox.remove;
}
