import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Sandbox } from "../support/sandbox.ts";
import { openLog } from "./logs.ts";

/** A program that is started again and again. */
export interface Victim {
	readonly name: string;
	start(settings?: Readonly<Record<string, string>>): ChildProcess;
	/** Ends it with SIGKILL, if it runs. */
	kill(): Promise<void>;
	/** Asks it to end by SIGTERM; gives its exit code, or the signal that ended it. */
	end(): Promise<number | string>;
	/** Stops it where it stands, until it is resumed. */
	pause(): void;
	resume(): void;
}

/** How a program ended that nobody has killed. */
export interface Death {
	readonly signal: NodeJS.Signals | null;
	/** For people: with the last that it has said. */
	readonly story: string;
}

interface VictimOptions {
	readonly name: string;
	readonly sandbox: Sandbox;
	/** Starts the program; what it says goes to the file `output`. */
	launch(output: number, env: Readonly<Record<string, string>>): ChildProcess;
	onDeath(death: Death): void;
}

/** A program of `sandbox` that is not started yet. */
export function victim({ name, sandbox, launch, onDeath }: VictimOptions): Victim {
	const log = openLog(sandbox, name);
	let child: ChildProcess | null = null;
	return {
		name,
		start(settings = {}) {
			// Programs start often: each finds the code as another has compiled it.
			const started = launch(log.output, { NODE_COMPILE_CACHE: path.join(sandbox.folder, "compiled"), ...settings });
			child = started;
			sandbox.guard(started);
			started.once("exit", (code, signal) => {
				if (child !== started) return;
				onDeath({ signal, story: `${name} ended by itself (${signal ?? code}): ${log.tail()}` });
			});
			return started;
		},
		async kill() {
			const killed = child;
			child = null;
			if (!killed || killed.exitCode !== null || killed.signalCode !== null) return;
			killed.kill("SIGKILL");
			await once(killed, "exit");
		},
		async end() {
			const ended = child;
			child = null;
			if (!ended) return 0;
			if (ended.exitCode === null && ended.signalCode === null) {
				ended.kill("SIGTERM");
				await once(ended, "exit");
			}
			return ended.exitCode ?? String(ended.signalCode);
		},
		pause: () => void child?.kill("SIGSTOP"),
		resume: () => void child?.kill("SIGCONT"),
	};
}
