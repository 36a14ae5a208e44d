import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const ROOT = path.join(import.meta.dirname, "../..");

/** A program of the cluster that runs by itself. */
export interface Running {
	readonly process: ChildProcess;
	/** All that it has printed. */
	output(): string;
	/** Resolves with the exit code, or null when the signal ended it. */
	end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Runs one of `cli/` with nothing but `settings` in its environment. */
export function runCli(
	name: string,
	settings: Readonly<Record<string, string>>,
	args: readonly string[] = [],
): Running {
	const { PATH = "", HOME = "" } = process.env;
	const file = path.join(ROOT, "cli", `${name}.ts`);
	const child = spawn(process.execPath, [file, ...args], { cwd: ROOT, env: { PATH, HOME, ...settings } });
	let output = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
	return {
		process: child,
		output: () => output,
		async end(signal) {
			if (child.exitCode === null && child.signalCode === null) {
				child.kill(signal);
				await once(child, "exit");
			}
			return child.exitCode;
		},
	};
}

/** Runs one of `cli/` to its end. */
export async function runCliToEnd(
	name: string,
	settings: Readonly<Record<string, string>>,
	args: readonly string[] = [],
): Promise<{ readonly code: number | null; readonly output: string }> {
	const child = runCli(name, settings, args);
	if (child.process.exitCode === null) await once(child.process, "exit");
	return { code: child.process.exitCode, output: child.output() };
}
