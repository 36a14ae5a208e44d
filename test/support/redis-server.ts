import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accepts } from "../../cli/ports.ts";
import { freePort } from "./free-port.ts";
import type { Sandbox } from "./sandbox.ts";
import { until } from "./until.ts";

/** A redis-server that keeps nothing, on a free port of this machine. */
export interface RedisServer {
	readonly url: string;
	start(): Promise<void>;
	/** Ends it as a crash would. */
	kill(): Promise<void>;
	/** Stops it where it stands, until it is resumed. */
	pause(): void;
	resume(): void;
}

/** Starts a redis-server, which goes with `sandbox` if there is one; fails when it is not installed. */
export async function startRedisServer(sandbox?: Sandbox): Promise<RedisServer> {
	const port = await freePort();
	let child: ChildProcess | null = null;

	async function start(): Promise<void> {
		const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"];
		child = spawn("redis-server", args, { stdio: "ignore" });
		sandbox?.guard(child);
		const failed = once(child, "error").then(([error]) => Promise.reject(error as Error));
		await Promise.race([until(() => accepts(port, "127.0.0.1")), failed]);
	}

	await start();
	return {
		url: `redis://127.0.0.1:${port}`,
		start,
		async kill() {
			if (!child || child.exitCode !== null || child.signalCode !== null) return;
			child.kill("SIGKILL");
			await once(child, "exit");
		},
		pause: () => void child?.kill("SIGSTOP"),
		resume: () => void child?.kill("SIGCONT"),
	};
}
