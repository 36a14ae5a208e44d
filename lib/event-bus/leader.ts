import { setTimeout as delay } from "node:timers/promises";
import type { Db, Tx } from "../db.ts";

/** A leader that gives no sign for so long, e.g. a stopped process, loses its connection and with it the lock. */
const SILENCE_LIMIT_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const STANDBY_MS = 500;

/** Takes `lock` for this transaction if nobody has it. A transaction that falls silent is ended by the server. */
export async function tryLock(tx: Tx, lock: number): Promise<boolean> {
	const [row] = await tx.query<{ taken: boolean }>(
		"SELECT set_config('idle_in_transaction_session_timeout', $1, true), pg_try_advisory_xact_lock($2) AS taken",
		[String(SILENCE_LIMIT_MS), lock],
	);
	return row?.taken === true;
}

/** Runs `work` while this process, of all that share the database, has `lock`; until `signal` aborts. */
export async function lead(
	db: Db,
	lock: number,
	work: (signal: AbortSignal) => Promise<void>,
	signal: AbortSignal,
): Promise<void> {
	while (!signal.aborted) {
		await leadOnce(db, lock, work, signal).catch(() => {}); // the lock is lost: stand by for it again
		await pause(STANDBY_MS, signal);
	}
}

async function leadOnce(
	db: Db,
	lock: number,
	work: (signal: AbortSignal) => Promise<void>,
	signal: AbortSignal,
): Promise<void> {
	const lost = new AbortController();
	let working: Promise<void> | undefined;
	try {
		// A transaction left open is the lock's keeper: it holds no snapshot between statements, and the lock cannot
		// outlive it on a pooled connection.
		await db.transaction(async (tx) => {
			if (!(await tryLock(tx, lock))) return;
			working ??= work(AbortSignal.any([signal, lost.signal]));
			while (!signal.aborted) {
				await tx.query("SELECT 1");
				await pause(HEARTBEAT_MS, signal);
			}
			await working;
		});
	} finally {
		lost.abort();
		await working;
	}
}

/** Waits `ms`, or until `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
	await delay(ms, undefined, { signal }).catch(() => {});
}
