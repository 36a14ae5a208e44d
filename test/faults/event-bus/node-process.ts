import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Sandbox } from "../../support/sandbox.ts";
import type { NodeSettings } from "./node.ts";

/** A node of a service, as a process that comes and goes. */
export interface NodeProcess {
	readonly name: string;
	/** Resolves once it works. */
	start(): Promise<void>;
	/** Ends it with SIGKILL, if it runs. */
	kill(): Promise<void>;
	/** Stops it where it stands, until it is resumed. */
	pause(): void;
	resume(): void;
}

const PROGRAM = path.join(import.meta.dirname, "node.ts");
/** So much of what a node has said last is shown when it ends by itself. */
const MAX_OUTPUT = 2_000;

/** Where the nodes write what they have to report. */
export function logsFolder(sandbox: Sandbox): string {
	return path.join(sandbox.folder, "logs");
}

/** A node that is not started yet; `onAccident` is told when it ends although nobody has killed it. */
export function nodeProcess(
	settings: NodeSettings,
	sandbox: Sandbox,
	onAccident: (accident: string) => void,
): NodeProcess {
	const { name } = settings;
	// Nodes start often: each finds the code as another has compiled it.
	const env = { ...process.env, NODE_COMPILE_CACHE: path.join(sandbox.folder, "compiled") };
	const log = path.join(logsFolder(sandbox), `${name}.log`);
	mkdirSync(path.dirname(log), { recursive: true });
	const output = openSync(log, "a");
	let child: ChildProcess | null = null;
	return {
		name,
		async start() {
			const started = fork(PROGRAM, { stdio: ["ignore", "ignore", output, "ipc"], env });
			child = started;
			sandbox.guard(started);
			started.once("exit", (code, signal) => {
				if (child !== started) return;
				onAccident(`${name} ended by itself (${signal ?? code}): ${readFileSync(log, "utf8").slice(-MAX_OUTPUT)}`);
			});
			started.send(settings);
			await Promise.race([once(started, "message"), once(started, "exit")]);
		},
		async kill() {
			const victim = child;
			child = null;
			if (!victim || victim.exitCode !== null || victim.signalCode !== null) return;
			victim.kill("SIGKILL");
			await once(victim, "exit");
		},
		pause: () => void child?.kill("SIGSTOP"),
		resume: () => void child?.kill("SIGCONT"),
	};
}
