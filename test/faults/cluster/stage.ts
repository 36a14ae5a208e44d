import { progressOn } from "../../../cli/progress.ts";
import { startNatsServer } from "../../contract/event-bus/nats-server.ts";
import { startRedisServer } from "../../support/redis-server.ts";
import { openSandbox } from "../../support/sandbox.ts";
import { keepLogs } from "../logs.ts";
import type { Trader } from "../product/client-log.ts";
import { createDatabases, provideTraders } from "../product/stage.ts";
import { type Scene, setScene } from "./scene.ts";

const TRADERS = 12;
/** Two nodes of every service with their pools, what killed ones leave behind, and those who look on. */
const MAX_CONNECTIONS = 500;

/** Twice what the databases and the log of an hour need. */
const DISK_BYTES = 2 ** 31;

/**
 * Does `work` on a cluster with traders, of which nothing is left afterwards; when it has offences, the logs of the
 * processes are kept under `name`.
 */
export async function onScene<T extends { readonly offences: readonly unknown[] }>(
	name: string,
	work: (scene: Scene, traders: readonly Trader[]) => Promise<T>,
): Promise<{ readonly outcome: T; readonly logs: string | null }> {
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () =>
		openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true, diskBytes: DISK_BYTES }),
	);
	try {
		const servers = { nats: await startNatsServer(sandbox), redis: await startRedisServer(sandbox) };
		const databases = await progress("Databases", createDatabases);
		try {
			const traders = await progress("Traders", () => provideTraders(databases, sandbox.folder, TRADERS));
			const outcome = await work(await setScene(sandbox, servers, databases), traders);
			// What the processes have said matters when something does not hold.
			return { outcome, logs: outcome.offences.length > 0 ? await keepLogs(sandbox, name) : null };
		} finally {
			for (const { db } of databases.values()) await db.close();
		}
	} finally {
		await sandbox.remove();
	}
}
