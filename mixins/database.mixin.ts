import path from "node:path";
import { type Db, openDb } from "../lib/db.ts";
import { env } from "../lib/env.ts";
import { showPool } from "../lib/metrics/pool.ts";
import { pendingMigrations } from "../lib/migrate.ts";
import { mixin } from "../lib/service.ts";
import { tracedDb } from "../lib/tracing/db.ts";

/** What a service with a database of its own has: `this.db`. */
export interface Database {
	readonly db: Db;
}

/** The action by which `health` asks each node whether it reaches the service's database. */
export const DATABASE_CHECK = "checkDatabase";

const SERVICES_FOLDER = path.join(import.meta.dirname, "..", "services");

interface Options {
	/** The role that the service's statements run under, where they may do less than the tables' owner. */
	readonly role?: string;
}

/** Gives the service `name` the pool on its own database, and refuses to start on one that lacks a migration. */
export function database(name: string, options: Options = {}) {
	return mixin<{}, { db: Db }>({
		methods: {},
		actions: {
			[DATABASE_CHECK]: {
				auth: "internal",
				async handler(this: unknown) {
					await (this as Database).db.query("SELECT 1");
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
		},
		async started() {
			const pending = await pendingMigrations(this.db, path.join(SERVICES_FOLDER, name, "migrations"));
			if (pending.length > 0) throw new Error(`${name}: run 'npm run migrate' first, missing: ${pending.join(", ")}`);
		},
		async stopped() {
			await this.db.close();
		},
	});
}
