import { mkdirSync, openSync, readFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import type { Sandbox } from "../support/sandbox.ts";

/** What a process writes of itself, over all its lives. */
export interface Log {
	/** For the `stdio` of a child process. */
	readonly output: number;
	/** The last that it has said. */
	tail(): string;
}

const MAX_TAIL = 2_000;

/** The log of the process `name` in `sandbox`. */
export function openLog(sandbox: Sandbox, name: string): Log {
	const file = path.join(folderOf(sandbox), `${name}.log`);
	mkdirSync(path.dirname(file), { recursive: true });
	return { output: openSync(file, "a"), tail: () => readFileSync(file, "utf8").slice(-MAX_TAIL) };
}

/** Keeps all logs of `sandbox` beyond its end; gives the folder. */
export async function keepLogs(sandbox: Sandbox, name: string): Promise<string> {
	const folder = path.join("logs", name);
	await cp(folderOf(sandbox), folder, { recursive: true });
	return folder;
}

function folderOf(sandbox: Sandbox): string {
	return path.join(sandbox.folder, "logs");
}
