import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { searchPath } from "../../lib/env.ts";
import { accepts, findFreePort } from "../ports.ts";
import { usageError } from "../run.ts";
import { credentials } from "./credentials.ts";
import type { Recipe } from "./supervised.ts";

/** A server of the cluster's own, and how its nodes reach it. */
export interface ServerPlan {
	readonly url: string;
	readonly recipe: Recipe;
}

/** Reached from this machine alone. */
const HOST = "127.0.0.1";
/** Beside the usual ports, so that a server of the system stays what it is. */
const NATS_PORT = 42_220;
const REDIS_PORT = 63_790;
const NATS_USER = "agt";

/** Where Debian and Homebrew install servers, which the PATH of an ordinary user may lack. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"] as const;

/** A nats-server with JetStream that keeps its messages in `folder`. */
export async function planNats(folder: string, logFile: string): Promise<ServerPlan> {
	const command = findProgram("nats-server", "nats-server", "TRANSPORTER=nats://user:password@host:4222");
	const port = await findFreePort(NATS_PORT, HOST);
	const password = credentials(folder).nats;
	const file = writeConfig(folder, "nats.conf", [
		`listen: "${HOST}:${port}"`,
		`authorization { user: ${NATS_USER}, password: "${password}" }`,
		`jetstream { store_dir: ${JSON.stringify(path.join(folder, "nats"))} }`,
	]);
	const recipe = server("nats-server", command, ["-c", file], port, logFile);
	return { url: `nats://${NATS_USER}:${password}@${HOST}:${port}`, recipe };
}

/** A redis-server that keeps nothing: what it has is made again. */
export async function planRedis(folder: string, logFile: string): Promise<ServerPlan> {
	const command = findProgram("redis-server", "redis", "REDIS_URL=redis://:password@host:6379");
	const port = await findFreePort(REDIS_PORT, HOST);
	const password = credentials(folder).redis;
	const home = path.join(folder, "redis");
	mkdirSync(home, { recursive: true, mode: 0o700 });
	const file = writeConfig(folder, "redis.conf", [
		`bind ${HOST}`,
		`port ${port}`,
		`requirepass ${password}`,
		`dir ${JSON.stringify(home)}`,
		'save ""',
		"appendonly no",
		"maxmemory 256mb",
		"maxmemory-policy volatile-lru",
	]);
	const recipe = server("redis-server", command, [file], port, logFile);
	return { url: `redis://:${password}@${HOST}:${port}`, recipe };
}

function server(name: string, command: string, args: readonly string[], port: number, logFile: string): Recipe {
	return { name, command, args, settings: {}, logFile, ready: () => accepts(port, HOST) };
}

/** Passwords stand in a file: anybody may read a command line. */
function writeConfig(folder: string, name: string, lines: readonly string[]): string {
	const file = path.join(folder, name);
	writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
	return file;
}

/** Where `program` is; throws with how to install it (`brew` is its name in Homebrew), or to name one that runs. */
export function findProgram(program: string, brew: string, setting: string): string {
	const candidates = [...searchPath(), ...SYSTEM_FOLDERS].map((folder) => path.join(folder, program));
	const found = candidates.find(isExecutable);
	if (found) return found;
	throw usageError(
		[
			`${program} is not installed. Install it:`,
			`  Debian, Ubuntu   sudo apt-get install ${program}`,
			`  macOS            brew install ${brew}`,
			`or name one that runs: ${setting} npm run cluster`,
		].join("\n"),
	);
}

function isExecutable(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
