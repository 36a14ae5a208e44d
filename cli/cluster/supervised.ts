import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { environmentWith } from "../../lib/env.ts";
import { usageError } from "../run.ts";
import type { Records } from "./leftovers.ts";
import { lastLines, openLog } from "./log-file.ts";

/** A process to keep running. */
export interface Recipe {
	readonly name: string;
	readonly command: string;
	readonly args: readonly string[];
	/** Added to our own environment. */
	readonly settings: Readonly<Record<string, string>>;
	readonly logFile: string;
	/** How it is known to be ready: it says so over its channel, or it is asked again and again. */
	readonly ready: "says so" | (() => Promise<boolean>);
}

export type ProcessState = "starting" | "ready" | "died" | "stopping" | "stopped";

export interface ProcessStatus {
	readonly name: string;
	readonly state: ProcessState;
	readonly pid: number | null;
	/** How often it was started again after it had died. */
	readonly restarts: number;
	/** Of its present state. */
	readonly since: Date;
	readonly logFile: string;
}

export interface Supervised {
	readonly name: string;
	status(): ProcessStatus;
	/** Starts it; resolves when it is ready, throws when it cannot be made to. */
	start(): Promise<void>;
	/** Ends it as if asked to by its user: it may finish what it has begun. */
	stop(): Promise<void>;
}

interface Surroundings {
	readonly records: Records;
	/** Told what an operator should know. */
	readonly tell: (line: string) => void;
}

/** A process that dies is started again after this, and after twice as long the next time. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** What has run so long may begin with the first backoff again. */
const STEADY_MS = 60_000;
/** At a start that somebody waits for, who is then told. */
const MAX_START_ATTEMPTS = 3;
const READY_POLL_MS = 50;
/** Longer than a gateway takes to tell that it goes and to answer what it took. */
const STOP_PATIENCE_MS = 30_000;
const TOLD_LINES = 5;

/** Keeps the process of `recipe` running from `start` to `stop`, and tells of each death. */
export function supervise(recipe: Recipe, { records, tell }: Surroundings): Supervised {
	const { name, logFile } = recipe;
	let child: ChildProcess | null = null;
	let state: ProcessState = "stopped";
	let since = new Date();
	let restarts = 0;
	let deaths = 0;
	let retry: NodeJS.Timeout | undefined;
	let awaited = readinessPromise();

	function enter(next: ProcessState): void {
		state = next;
		since = new Date();
	}

	function launch(): void {
		enter("starting");
		const launched = launchProcess(recipe);
		child = launched;
		if (launched.pid !== undefined) records.add(name, launched.pid);
		const startedAt = performance.now();
		// Without a pid there is no exit either.
		launched.once("error", (error) => launched.pid === undefined && buried(launched, error.message, startedAt));
		launched.once("exit", (code, signal) => buried(launched, signal ?? `exit code ${code}`, startedAt));
		void readiness(recipe, launched).then(() => {
			if (child !== launched || state !== "starting") return;
			enter("ready");
			awaited.resolve();
		});
	}

	function buried(launched: ChildProcess, how: string, startedAt: number): void {
		if (launched.pid !== undefined) records.remove(launched.pid);
		if (child !== launched) return;
		child = null;
		if (state === "stopping") return;
		enter("died");
		deaths = performance.now() - startedAt > STEADY_MS ? 1 : deaths + 1;
		const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (deaths - 1), MAX_BACKOFF_MS);
		const last = lastLines(logFile, TOLD_LINES);
		tell(`${name} died (${how}), starts again in ${backoffMs / 1_000} s. Its log ends with:\n${last}`);
		if (deaths >= MAX_START_ATTEMPTS)
			awaited.reject(usageError(`${name} does not start (${how}): see ${logFile}\n${last}`));
		retry = setTimeout(() => {
			restarts += 1;
			launch();
		}, backoffMs);
	}

	return {
		name,
		status: () => ({ name, state, pid: child?.pid ?? null, restarts, since, logFile }),
		start() {
			deaths = 0;
			awaited = readinessPromise();
			launch();
			return awaited.promise;
		},
		async stop() {
			clearTimeout(retry);
			const ending = child;
			enter("stopping");
			awaited.reject(usageError(`${name} was stopped`));
			if (ending && !(await endProcess(ending))) tell(`${name} did not end when asked to and was killed`);
			enter("stopped");
		},
	};
}

/** Its rejection, when nobody waits for it, is told of elsewhere. */
function readinessPromise(): PromiseWithResolvers<void> {
	const awaited = Promise.withResolvers<void>();
	awaited.promise.catch(() => {});
	return awaited;
}

/** In a session of its own: Ctrl-C is for us alone, who know in which order to stop. */
function launchProcess({ command, args, settings, logFile, ready }: Recipe): ChildProcess {
	const log = openLog(logFile);
	try {
		return spawn(command, args, {
			env: environmentWith(settings),
			stdio: ["ignore", log, log, ...(ready === "says so" ? (["ipc"] as const) : [])],
			detached: true,
		});
	} finally {
		closeSync(log);
	}
}

async function readiness({ ready }: Recipe, child: ChildProcess): Promise<void> {
	if (ready === "says so") return void (await once(child, "message"));
	while (!hasEnded(child) && !(await ready())) await delay(READY_POLL_MS);
}

/** Whether it ended by itself when asked to. */
async function endProcess(child: ChildProcess): Promise<boolean> {
	if (hasEnded(child) || child.pid === undefined) return true;
	const ended = once(child, "exit");
	child.kill("SIGTERM");
	// It may have been stopped in its tracks.
	child.kill("SIGCONT");
	const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
	await ended;
	clearTimeout(timer);
	return child.signalCode !== "SIGKILL";
}

function hasEnded(child: ChildProcess): boolean {
	return child.exitCode !== null || child.signalCode !== null;
}
