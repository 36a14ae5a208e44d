import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { startPostgres } from "../../lib/embedded-postgres/index.ts";
import { SERVER_URL_VARIABLE } from "./databases.ts";

/** A PostgreSQL in a folder of its own, which `createDatabase` makes databases in. */
export interface Sandbox {
	/** For files that are to go with it. */
	readonly folder: string;
	readonly postgres: SandboxPostgres;
	/** Has `child` killed with the sandbox. */
	guard(child: ChildProcess): void;
	/** Ends what runs in it and removes its files. */
	remove(): Promise<void>;
}

/** The server of a sandbox. */
interface SandboxPostgres {
	readonly port: number;
	/** Where its data is. */
	readonly data: string;
	/** Starts it again at the same port; one that runs is restarted. */
	start(): Promise<void>;
}

interface SandboxOptions {
	readonly maxConnections: number;
	/** False for databases that a crash may take. */
	readonly durable: boolean;
}

/** Opens a sandbox; it is removed also when this process is killed. */
export async function openSandbox({ maxConnections, durable }: SandboxOptions): Promise<Sandbox> {
	const folder = await mkdtemp(path.join(os.tmpdir(), "agt-test-"));
	// The server may run as another user, who must be able to pass.
	await chmod(folder, 0o755);
	const home = path.join(folder, "postgres");
	const reaper = startReaper(folder, home);
	try {
		const server = await startPostgres({ home, port: 0, maxConnections, durable });
		const { port } = server;
		process.env[SERVER_URL_VARIABLE] = server.url("postgres");
		const start = async () => void (await startPostgres({ home, port, maxConnections, durable }));
		return { folder, ...reaper, postgres: { port, data: path.join(home, "data"), start } };
	} catch (error) {
		await reaper.remove();
		throw error;
	}
}

/** A process that removes everything once our pipe to it closes. */
function startReaper(folder: string, home: string): Pick<Sandbox, "guard" | "remove"> {
	const reaper = spawn(process.execPath, [path.join(import.meta.dirname, "reaper.ts"), folder, home], {
		stdio: ["pipe", "ignore", "inherit"],
		detached: true,
		env: {},
	});
	reaper.unref();
	const tell = (line: string) => !reaper.stdin.writableEnded && reaper.stdin.write(`${line}\n`);
	return {
		guard(child) {
			tell(`+${child.pid}`);
			child.once("exit", () => tell(`-${child.pid}`));
		},
		remove: () =>
			new Promise((resolve) => {
				reaper.ref();
				reaper.once("exit", () => resolve());
				reaper.stdin.end();
			}),
	};
}
