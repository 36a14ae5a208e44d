import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { type Db, openDb } from "../lib/db.ts";
import { env } from "../lib/env.ts";
import { pollMetrics } from "../lib/metrics/poll.ts";
import { showPool } from "../lib/metrics/pool.ts";
import { pendingMigrations } from "../lib/migrate.ts";
import { isRefusal } from "../lib/refuse.ts";
import { mixin } from "../lib/service.ts";
import { tracedDb } from "../lib/tracing/db.ts";

/** What a service with a database of its own has: `this.db`. */
export interface Database {
	readonly db: Db;
}

/** The action by which `health` asks each node whether it reaches the service's database. */
export const DATABASE_CHECK = "checkDatabase";

const SERVICES_FOLDER = path.join(import.meta.dirname, "..", "services");

/** How soon a database that is away is asked again. */
const RETRY_MS = 500;

interface Vars {
	db: Db;
	stopAsking: (() => void) | null;
}

interface Options {
	/** The role that the service's statements run under, where they may do less than the tables' owner. */
	readonly role?: string;
}

/**
 * Gives the service `name` the pool on its own database. It waits for one that is away to start, and refuses to on one
 * that lacks a migration.
 */
export function database(name: string, options: Options = {}) {
	return mixin<{}, Vars>({
		methods: {},
		actions: {
			[DATABASE_CHECK]: {
				auth: "internal",
				async handler(this: unknown) {
					await ask((this as Database).db);
				},
			},
		},
		created() {
			const { databaseUrl, databasePoolSize } = env();
			const db = openDb(databaseUrl(name), {
				applicationName: `${name}@${this.broker.nodeID}`,
				poolSize: databasePoolSize,
				byKeys: true,
				...options,
			});
			showPool(this.broker, name, db);
			this.db = tracedDb(this.broker, name, db);
			this.stopAsking = null;
		},
		async started() {
			this.stopAsking = pollMetrics(
				this.broker,
				() => ask(this.db),
				(metrics, answered) => metrics.set("database_up", { service: name }, Number(answered !== null)),
			);
			const pending = await onceReachable(this.logger, () =>
				pendingMigrations(this.db, path.join(SERVICES_FOLDER, name, "migrations")),
			);
			if (pending.length > 0) throw new Error(`${name}: run 'npm run migrate' first, missing: ${pending.join(", ")}`);
		},
		async stopped() {
			this.stopAsking?.();
			await this.db.close();
		},
	});
}

/** Rejects unless the database answers. */
async function ask(db: Db): Promise<true> {
	await db.query("SELECT 1");
	return true;
}

async function onceReachable<T>(logger: ServiceBroker["logger"], read: () => Promise<T>): Promise<T> {
	for (;;) {
		try {
			return await read();
		} catch (error) {
			if (!isRefusal(error, "SERVICE_UNAVAILABLE")) throw error;
			logger.warn("The database cannot be reached yet");
			await delay(RETRY_MS);
		}
	}
}
