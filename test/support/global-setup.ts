import { spawn } from "node:child_process";
import { chmod, mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { startPostgres } from "../../lib/embedded-postgres/index.ts";
import { SERVER_URL_VARIABLE } from "./databases.ts";

/** Several test files at once, each with a pool per service. */
const MAX_CONNECTIONS = 400;

declare global {
	/** Ends the run's PostgreSQL and removes its files. */
	var endPostgres: (() => Promise<void>) | undefined;
}

/** One PostgreSQL for the run; test files make databases of their own in it. */
export default async function globalSetup(): Promise<void> {
	const folder = await mkdtemp(path.join(os.tmpdir(), "agt-test-"));
	// The server may run as another user, who must be able to pass.
	await chmod(folder, 0o755);
	const home = path.join(folder, "postgres");
	globalThis.endPostgres = reaper(folder, home);
	const server = await startPostgres({ home, port: 0, maxConnections: MAX_CONNECTIONS, durable: false });
	process.env[SERVER_URL_VARIABLE] = server.url("postgres");
}

/** A process that ends the server once our pipe to it closes: also when this process is killed. */
function reaper(folder: string, home: string): () => Promise<void> {
	const child = spawn(process.execPath, [path.join(import.meta.dirname, "reaper.ts"), folder, home], {
		stdio: ["pipe", "ignore", "inherit"],
		detached: true,
		env: {},
	});
	child.unref();
	return () =>
		new Promise((resolve) => {
			child.ref();
			child.once("exit", () => resolve());
			child.stdin.end();
		});
}
