import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A process that was started here: a number is given to others later, but not with the same time of start. */
interface Known {
	readonly name: string;
	readonly pid: number;
	readonly started: string;
}

/** The processes that run, in a file, for the start that comes after a `kill -9`. */
export interface Records {
	add(name: string, pid: number): void;
	remove(pid: number): void;
}

/** A node answers what it took before it ends. */
const END_PATIENCE_MS = 30_000;
const POLL_MS = 50;

/** Records of the processes in `folder`; `tell` is told when they cannot be kept, as on a full disk. */
export function openRecords(folder: string, tell: (line: string) => void): Records {
	const known = new Map<number, Known>();
	const file = recordsFile(folder);
	const save = () => {
		writeFileSync(`${file}.new`, JSON.stringify([...known.values()]), { mode: 0o600 });
		renameSync(`${file}.new`, file);
	};
	const keep = () => {
		try {
			save();
		} catch (error) {
			tell(`It could not be written down what runs, for a start after a kill -9: ${(error as Error).message}`);
		}
	};
	save();
	return {
		add(name, pid) {
			const started = startOf(pid);
			if (started === null) return;
			known.set(pid, { name, pid, started });
			keep();
		},
		remove(pid) {
			if (known.delete(pid)) keep();
		},
	};
}

/** Ends what an earlier supervisor that was killed has left running; gives the names. */
export async function endLeftovers(folder: string): Promise<string[]> {
	const file = recordsFile(folder);
	if (!existsSync(file)) return [];
	const left = (JSON.parse(readFileSync(file, "utf8")) as Known[]).filter(isRunning);
	const signal = (name: NodeJS.Signals) => {
		for (const known of left.filter(isRunning)) process.kill(known.pid, name);
	};
	signal("SIGTERM");
	// One that was stopped in its tracks would not hear it.
	signal("SIGCONT");
	const patience = performance.now() + END_PATIENCE_MS;
	while (left.some(isRunning) && performance.now() < patience) await delay(POLL_MS);
	signal("SIGKILL");
	while (left.some(isRunning)) await delay(POLL_MS);
	return left.map(({ name }) => name);
}

function recordsFile(folder: string): string {
	return path.join(folder, "processes.json");
}

function isRunning({ pid, started }: Known): boolean {
	return startOf(pid) === started;
}

/** When a process began, in whatever unit the system has; null when it has ended. */
function startOf(pid: number): string | null {
	if (!existsSync("/proc/self/stat")) {
		const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
		return stdout?.trim() || null;
	}
	try {
		// Behind the program's name, which may hold anything: the state first, the time of start as the twentieth.
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		return fields[0] === "Z" ? null : (fields[19] ?? null);
	} catch {
		return null;
	}
}
