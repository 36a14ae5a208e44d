import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";

const [, , folder, home] = process.argv;
if (!folder || !home) throw new Error("usage: reaper.ts FOLDER HOME");

/** The processes that whoever started us has told of: `+PID` when one starts, `-PID` when it has ended. */
const running = new Set<number>();

// The pipe closes when whoever started us ends, in whatever way.
for await (const line of createInterface({ input: process.stdin })) {
	const pid = Number(line);
	if (pid > 0) running.add(pid);
	else running.delete(-pid);
}
for (const pid of running) {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It has ended already.
	}
}
await removePostgres(home);
await rm(folder, { recursive: true, force: true });
