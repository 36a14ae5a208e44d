import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";

const SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin";

const [, , folder, home, disk] = process.argv;
if (!folder || !home || !disk) throw new Error("usage: reaper.ts FOLDER HOME DISK");

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
// Where one was mounted there.
spawnSync("umount", [disk], { stdio: "ignore", env: { PATH: SYSTEM_PATH } });
await rm(folder, { recursive: true, force: true });
