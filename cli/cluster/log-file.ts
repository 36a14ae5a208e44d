import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import path from "node:path";

/** A log that is longer is put aside, in place of the one put aside before. */
const MAX_LOG_BYTES = 10_000_000;
const CHECK_MS = 5_000;

/**
 * Where the output of a process goes: straight into the file, so that it outlives whoever started the process. Gives
 * the descriptor to be handed to it.
 */
export function openLog(file: string): number {
	mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
	return openSync(file, "a", 0o600);
}

/** Keeps `files` from growing without bound; gives what ends it. */
export function boundLogs(files: readonly string[], maxBytes: number = MAX_LOG_BYTES): () => void {
	const timer = setInterval(() => {
		for (const file of files) {
			try {
				if (existsSync(file) && statSync(file).size > maxBytes) putAside(file);
			} catch {
				// On a full disk there is no room for two; what writes into it finds none either.
			}
		}
	}, CHECK_MS);
	timer.unref();
	return () => clearInterval(timer);
}

/** The process has the file open and writes on at its end, wherever that is. A line written just now may be lost. */
function putAside(file: string): void {
	copyFileSync(file, `${file}.1`);
	truncateSync(file);
}

/** The last `count` lines of a log that is short enough to be read at once. */
export function lastLines(file: string, count: number): string {
	if (!existsSync(file)) return "";
	return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}
