import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, glob, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { usageError } from "../../../cli/run.ts";
import { freePort } from "../../support/free-port.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import { until } from "../../support/until.ts";

/** A nats-server with JetStream on a free port of this machine. */
export interface NatsServer {
	readonly url: string;
	/** Starts it again, with more `flags` of its command line if need be. */
	start(...flags: readonly string[]): Promise<void>;
	/** Ends it as a crash would. */
	kill(): Promise<void>;
	/** Stops it where it stands, until it is resumed. */
	pause(): void;
	resume(): void;
	/** Removes what it has stored; only while it is down, as the next two. */
	wipe(): Promise<void>;
	/** Keeps a copy of the messages it has stored. */
	snapshot(): Promise<void>;
	/** Puts the messages back as the copy has them: the later ones are lost, as by a loss of power. */
	rollBack(): Promise<void>;
	/** Ends it and leaves nothing behind. */
	remove(): Promise<void>;
}

/** Where Debian installs it, which the PATH of an ordinary user may lack. */
const SYSTEM_PATH = "/usr/sbin";

/** Starts a nats-server, in `sandbox` if there is one; fails when it is not installed. */
export async function startNatsServer(sandbox?: Sandbox): Promise<NatsServer> {
	const folder = await mkdtemp(path.join(sandbox?.folder ?? os.tmpdir(), "agt-nats-"));
	const [store, copy] = [path.join(folder, "jetstream"), path.join(folder, "copy")];
	const port = await freePort();
	const wipe = () => rm(store, { recursive: true, force: true });
	let child: ChildProcess | null = null;

	async function start(...flags: readonly string[]): Promise<void> {
		child = spawn("nats-server", ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder, ...flags], {
			stdio: "ignore",
			env: { ...process.env, PATH: `${process.env["PATH"]}${path.delimiter}${SYSTEM_PATH}` },
		});
		sandbox?.guard(child);
		const failed = once(child, "error").then(([error]) => Promise.reject(cannotStart(error as Error)));
		await Promise.race([until(() => accepts(port)), failed]);
	}

	async function kill(): Promise<void> {
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		child.kill("SIGKILL");
		await once(child, "exit");
	}

	await start();
	return {
		url: `nats://127.0.0.1:${port}`,
		start,
		kill,
		pause: () => void child?.kill("SIGSTOP"),
		resume: () => void child?.kill("SIGCONT"),
		wipe,
		snapshot: () => cp(store, copy, { recursive: true }),
		async rollBack() {
			for await (const messages of glob("*/streams/*/msgs", { cwd: copy })) {
				await rm(path.join(store, messages), { recursive: true, force: true });
				await cp(path.join(copy, messages), path.join(store, messages), { recursive: true });
			}
		},
		async remove() {
			await kill();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

function cannotStart(error: NodeJS.ErrnoException): Error {
	if (error.code !== "ENOENT") return error;
	return usageError(`nats-server is not installed: it must be on the PATH or in ${SYSTEM_PATH}`);
}

function accepts(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = net.connect(port, "127.0.0.1");
		socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
		socket.once("connect", () => socket.destroy());
	});
}
