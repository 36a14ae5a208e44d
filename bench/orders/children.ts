import { fork } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { environmentWith } from "../../lib/env.ts";
import type { Sandbox } from "../../test/support/sandbox.ts";

/** A process of the benchmark. */
export interface Child<Told> {
	readonly told: Told;
	/** CPU seconds that it has used so far. */
	cpuS(): Promise<number>;
	stop(): Promise<void>;
}

/** Starts the program `file` beside this one; resolves with what it tells once it is ready. */
export async function startChild<Told>(
	sandbox: Sandbox,
	file: string,
	args: readonly string[] = [],
	env: Readonly<Record<string, string>> = {},
): Promise<Child<Told>> {
	const name = path.basename(file, ".ts");
	const logFile = path.join(sandbox.folder, `${name}.log`);
	const log = openSync(logFile, "a");
	const child = fork(path.join(import.meta.dirname, file), args, {
		env: environmentWith(env),
		stdio: ["ignore", log, log, "ipc"],
	});
	sandbox.guard(child);
	const [told] = await Promise.race([
		once(child, "message"),
		once(child, "exit").then(() => {
			throw new Error(`${name} did not start: see ${logFile}`);
		}),
	]);
	return {
		told: told as Told,
		cpuS: () => cpuSecondsOf(child.pid as number),
		async stop() {
			const ended = once(child, "exit");
			child.disconnect();
			await ended;
		},
	};
}

const TICKS_PER_S = 100;

/** From Linux's `/proc`; elsewhere it is not known. */
async function cpuSecondsOf(pid: number): Promise<number> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
	if (stat === null) return Number.NaN;
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
