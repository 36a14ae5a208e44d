import { execFile } from "node:child_process";
import os from "node:os";
import { promisify } from "node:util";
import { onServer } from "../test/support/databases.ts";

/** What figures depend on that no code of ours decides. */
export interface Machine {
	readonly cpu: string;
	readonly cores: number;
	readonly memory_gib: number;
	readonly system: string;
	readonly node: string;
	/** Null where none was used. */
	readonly postgresql: string | null;
	/** Null where it is not installed. */
	readonly nats_server: string | null;
}

const GIB = 2 ** 30;

/** The machine that the benchmark runs on, with the PostgreSQL of its sandbox if it has one. */
export async function describeMachine({ sandbox = true } = {}): Promise<Machine> {
	const version = () => onServer((db) => db.query<{ server_version: string }>("SHOW server_version"));
	const [server] = sandbox ? await version() : [];
	return {
		cpu: os.cpus()[0]?.model.trim() ?? "unknown",
		cores: os.availableParallelism(),
		memory_gib: Math.round(os.totalmem() / GIB),
		system: `${os.type()} ${os.release()}`,
		node: process.versions.node,
		postgresql: server?.server_version ?? null,
		nats_server: await natsServerVersion(),
	};
}

/** The same in a line for people. */
export function showMachine(machine: Machine): string {
	const { cpu, cores, memory_gib, system, node, postgresql, nats_server } = machine;
	const programs = `Node ${node}, PostgreSQL ${postgresql ?? "none"}, nats-server ${nats_server ?? "none"}`;
	return `${cpu}, ${cores} cores, ${memory_gib} GiB, ${system}; ${programs}`;
}

async function natsServerVersion(): Promise<string | null> {
	const { stdout } = await promisify(execFile)("nats-server", ["--version"]).catch(() => ({ stdout: "" }));
	return /v([\d.]+)/.exec(stdout)?.[1] ?? null;
}
