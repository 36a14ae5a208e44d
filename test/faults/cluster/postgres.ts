import { open, readFile, rm, statfs } from "node:fs/promises";
import path from "node:path";
import type { Sandbox } from "../../support/sandbox.ts";
import { until } from "../../support/until.ts";

/** The PostgreSQL of a sandbox, as something that fails. */
export interface Postgres {
	/** Ends it as a crash would, with all who serve connections. */
	kill(): Promise<void>;
	/** Starts it; one that runs is restarted: connections are ended, and what is under way rolled back. */
	start(): Promise<void>;
	/** Stops it where it stands, with all who serve connections, until it is resumed. */
	pause(): Promise<void>;
	resume(): void;
	/** Leaves no room on its disk, which must be its own. */
	fillDisk(): Promise<void>;
	/** Makes room again, and starts it if it has given up. */
	freeDisk(): Promise<void>;
}

const FILL_BYTES = 2 ** 20;
const DEATH_LIMIT_MS = 10_000;

export function postgresOf({ postgres }: Sandbox): Postgres {
	let paused: readonly number[] = [];
	const filler = path.join(postgres.disk ?? postgres.data, "filler");

	/** The server's process first: it starts the others. */
	async function processes(): Promise<readonly number[]> {
		const pid = Number((await readFile(path.join(postgres.data, "postmaster.pid"), "utf8")).split("\n")[0]);
		const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
		return [pid, ...children.trim().split(" ").filter(Boolean).map(Number)];
	}

	return {
		async kill() {
			const pids = await processes();
			for (const pid of pids) signal(pid, "SIGKILL");
			await until(async () => (await Promise.all(pids.map(isGone))).every(Boolean), DEATH_LIMIT_MS);
		},
		start: postgres.start,
		async pause() {
			const [server = 0] = await processes();
			signal(server, "SIGSTOP");
			paused = await processes();
			for (const pid of paused) signal(pid, "SIGSTOP");
		},
		resume() {
			for (const pid of paused.toReversed()) signal(pid, "SIGCONT");
			paused = [];
		},
		async fillDisk() {
			if (!postgres.disk) throw new Error("PostgreSQL has no disk of its own");
			const { bavail, bsize } = await statfs(postgres.disk);
			const file = await open(filler, "w");
			try {
				const chunk = Buffer.alloc(FILL_BYTES);
				for (let left = bavail * bsize; left > 0; left -= FILL_BYTES) await file.write(chunk);
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
			} finally {
				await file.close();
			}
		},
		async freeDisk() {
			await rm(filler);
			const [server = 0] = await processes().catch(() => []);
			if (server === 0 || (await isGone(server))) await postgres.start();
		},
	};
}

function signal(pid: number, name: NodeJS.Signals): void {
	try {
		process.kill(pid, name);
	} catch {
		// It has ended by itself.
	}
}

/** Who has ended may still be listed, when nobody has asked how. */
function isGone(pid: number): Promise<boolean> {
	return readFile(`/proc/${pid}/stat`, "utf8").then(
		(stat) => stat.slice(stat.lastIndexOf(")")).startsWith(") Z"),
		() => true,
	);
}
