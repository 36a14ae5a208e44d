import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp } from "node:fs/promises";
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
	/** The root of the disk that is its own, or null where it shares one. */
	readonly disk: string | null;
	/** Starts it again at the same port; one that runs is restarted. */
	start(): Promise<void>;
}

interface SandboxOptions {
	readonly maxConnections: number;
	/** False for databases that a crash may take. */
	readonly durable: boolean;
	/** Gives PostgreSQL a disk of its own in memory, of so many bytes, where this user may make one: root may. */
	readonly diskBytes?: number;
}

/** Opens a sandbox; it is removed also when this process is killed. */
export async function openSandbox({ maxConnections, durable, diskBytes }: SandboxOptions): Promise<Sandbox> {
	const folder = await mkdtemp(path.join(os.tmpdir(), "agt-test-"));
	// The server may run as another user, who must be able to pass.
	await chmod(folder, 0o755);
	const disk = path.join(folder, "disk");
	await mkdir(disk);
	const home = path.join(disk, "postgres");
	const reaper = startReaper(folder, home, disk);
	try {
		const mounted = diskBytes !== undefined && mountMemory(disk, diskBytes);
		const server = await startPostgres({ home, port: 0, maxConnections, durable });
		const { port } = server;
		process.env[SERVER_URL_VARIABLE] = server.url("postgres");
		const start = async () => void (await startPostgres({ home, port, maxConnections, durable }));
		return { folder, ...reaper, postgres: { port, data: path.join(home, "data"), disk: mounted ? disk : null, start } };
	} catch (error) {
		await reaper.remove();
		throw error;
	}
}

/** Whether a disk in memory could be made at `place`. */
function mountMemory(place: string, bytes: number): boolean {
	const args = ["-t", "tmpfs", "-o", `size=${bytes},mode=755`, "tmpfs", place];
	return spawnSync("mount", args, { stdio: "ignore" }).status === 0;
}

/** A process that removes everything once our pipe to it closes. */
function startReaper(folder: string, home: string, disk: string): Pick<Sandbox, "guard" | "remove"> {
	const reaper = spawn(process.execPath, [path.join(import.meta.dirname, "reaper.ts"), folder, home, disk], {
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
