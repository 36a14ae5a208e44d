import { setTimeout as delay } from "node:timers/promises";

/** A server that can be looked after. */
interface Charge {
	/** Its process; null when there is none. */
	pid(): Promise<number | null>;
	start(): Promise<void>;
	/** The end of its log. */
	lastWords(): Promise<string>;
}

/** What an operator sees of a server that is looked after. */
export interface KeptStatus {
	readonly state: "ready" | "died";
	readonly pid: number | null;
	/** How often it was started again after it had died. */
	readonly restarts: number;
	/** Of its present state. */
	readonly since: Date;
}

export interface Keeper {
	status(): KeptStatus;
	/** Starts it no more; resolves when a start that is under way is over. */
	stop(): Promise<void>;
}

const LOOK_MS = 250;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** What has run so long may begin with the first backoff again. */
const STEADY_MS = 60_000;

/** Starts the server, which runs as process `firstPid`, again whenever it has ended, and tells of it. */
export function keepRunning(charge: Charge, firstPid: number | null, tell: (lines: string) => void): Keeper {
	const stopped = new AbortController();
	let status: KeptStatus = { state: "ready", pid: firstPid, restarts: 0, since: new Date() };
	let backoffMs = FIRST_BACKOFF_MS;
	const watching = watch();

	async function watch(): Promise<void> {
		while (await rest(LOOK_MS)) {
			if (await isGone()) await revive();
			else if (Date.now() - status.since.getTime() > STEADY_MS) backoffMs = FIRST_BACKOFF_MS;
		}
	}

	/** Of a server that cannot be looked at, as when no file can be opened, nobody knows. */
	function isGone(): Promise<boolean> {
		return charge.pid().then(
			(pid) => pid === null,
			() => false,
		);
	}

	async function revive(): Promise<void> {
		status = { ...status, state: "died", pid: null, since: new Date() };
		tell(`PostgreSQL died, starts again in ${backoffMs / 1_000} s. Its log ends with:\n${await charge.lastWords()}`);
		while (status.state === "died" && (await rest(backoffMs))) {
			backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
			try {
				// A start that took too long to be waited for may have come to its end meanwhile.
				if ((await charge.pid()) === null) await charge.start();
				status = { state: "ready", pid: await charge.pid(), restarts: status.restarts + 1, since: new Date() };
			} catch (error) {
				tell((error as Error).message);
			}
		}
	}

	/** False when it is to be stopped. */
	function rest(ms: number): Promise<boolean> {
		return delay(ms, true, { signal: stopped.signal }).catch(() => false);
	}

	return {
		status: () => status,
		async stop() {
			stopped.abort();
			await watching;
		},
	};
}
