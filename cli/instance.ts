import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import type { DatabaseUrls } from "./databases.ts";
import { usageError } from "./run.ts";

/** What a running embedded instance tells the other commands, in a file that only its owner may read. */
export interface RunInfo {
	readonly pid: number;
	/** The gateway. */
	readonly url: string;
	readonly databases: DatabaseUrls;
	/** How to join the cluster; null where all runs in one process. */
	readonly transporter: string | null;
	readonly started_at: string;
}

/** The first line that a client sends, as JSON: what it wants, or what its terminal is like. */
export type Greeting = Readonly<Record<string, unknown>>;

/** The data folder is ours, as long as the process lives. */
export interface Claim {
	publish(info: RunInfo): Promise<void>;
	release(): Promise<void>;
}

/** A greeting is some forty characters; whoever sends more is no client of ours. */
const MAX_GREETING_LENGTH = 1_000;

/** Longer paths do not fit into a socket's address (108 bytes on Linux, 104 on macOS). */
const MAX_SOCKET_PATH_LENGTH = 100;

/**
 * Claims `dataDir` by listening on a socket in it, since unlike a file with a process id a socket cannot outlive its
 * process. Whoever connects and greets is handed to `serve`. Throws when another process has the folder.
 */
export async function claimInstance(
	dataDir: string,
	serve: (socket: net.Socket, greeting: Greeting) => void,
): Promise<Claim> {
	await mkdir(dataDir, { recursive: true });
	const address = socketPath(dataDir);
	const other = await connectTo(address);
	if (other) {
		other.destroy();
		const info = await readInfo(dataDir);
		throw usageError(`${dataDir} is in use by a running instance (process ${info?.pid ?? "still starting"})`);
	}
	await rm(address, { force: true });
	await rm(infoFile(dataDir), { force: true });
	const clients = new Set<net.Socket>();
	const server = await listen(address, (socket) => {
		clients.add(socket);
		socket.once("close", () => clients.delete(socket));
		void receive(socket, serve);
	});
	return {
		publish: (info) => writeFile(infoFile(dataDir), JSON.stringify(info, null, "\t"), { mode: 0o600 }),
		async release() {
			await rm(infoFile(dataDir), { force: true });
			server.close();
			for (const client of clients) client.destroy();
		},
	};
}

/** What the instance that runs on `dataDir` tells; null when none runs or it is not ready yet. */
export async function findInstance(dataDir: string): Promise<RunInfo | null> {
	const socket = await connectTo(socketPath(dataDir));
	socket?.destroy();
	return socket ? readInfo(dataDir) : null;
}

/** A connection to the instance that runs on `dataDir`, or null. */
export function connectToInstance(dataDir: string): Promise<net.Socket | null> {
	return connectTo(socketPath(dataDir));
}

async function receive(socket: net.Socket, serve: (socket: net.Socket, greeting: Greeting) => void): Promise<void> {
	// A client that goes away in the middle of an answer is nobody's error.
	socket.on("error", () => socket.destroy());
	const greeting = await readGreeting(socket);
	if (greeting) serve(socket, greeting);
	else socket.destroy();
}

async function readGreeting(socket: net.Socket): Promise<Greeting | null> {
	let received = "";
	while (!received.includes("\n") && received.length < MAX_GREETING_LENGTH) {
		const chunk = socket.read() as Buffer | null;
		if (chunk) received += chunk.toString();
		else if (socket.readableEnded || socket.destroyed) return null;
		else await Promise.race([once(socket, "readable"), once(socket, "close")]);
	}
	const end = received.indexOf("\n");
	socket.unshift(Buffer.from(received.slice(end + 1)));
	try {
		return JSON.parse(received.slice(0, end)) as Greeting;
	} catch {
		return null;
	}
}

function infoFile(dataDir: string): string {
	return path.join(dataDir, "run.json");
}

async function readInfo(dataDir: string): Promise<RunInfo | null> {
	if (!existsSync(infoFile(dataDir))) return null;
	return JSON.parse(await readFile(infoFile(dataDir), "utf8")) as RunInfo;
}

function socketPath(dataDir: string): string {
	const inside = path.join(dataDir, "repl.sock");
	if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH_LENGTH) return inside;
	const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
	return path.join(os.tmpdir(), `autogrowthtrading-${id}.sock`);
}

function connectTo(address: string): Promise<net.Socket | null> {
	return new Promise((resolve) => {
		const socket = net.connect(address);
		socket.once("connect", () => resolve(socket));
		socket.once("error", () => resolve(null));
	});
}

/** Who may connect may do everything, so it is the owner alone. */
function listen(address: string, serve: (socket: net.Socket) => void): Promise<net.Server> {
	return new Promise((resolve, reject) => {
		// A script's last line is followed by its end, and still wants an answer.
		const server = net.createServer({ allowHalfOpen: true }, serve);
		server.once("error", reject);
		const usual = process.umask(0o177);
		server.listen(address, () => resolve(server));
		process.umask(usual);
	});
}
