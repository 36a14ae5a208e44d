import { randomBytes } from "node:crypto";
import { migrationsFolder } from "../../cli/node.ts";
import { type Db, openDb } from "../../lib/db.ts";
import { migrate } from "../../lib/migrate.ts";
import type { StatefulService } from "../../lib/topology.ts";

/** Where `openSandbox` leaves the URL of the run's server. */
export const SERVER_URL_VARIABLE = "TEST_POSTGRES_URL";

/** A database of one test. */
export interface TestDatabase {
	readonly url: string;
	readonly db: Db;
	/** Closes the pool and drops the database. */
	drop(): Promise<void>;
}

/** A database of its own for a test: with the tables of `service`, or empty. */
export async function createDatabase(service?: StatefulService): Promise<TestDatabase> {
	const name = `test_${randomBytes(8).toString("hex")}`;
	await onServer(async (server) => {
		const template = service ? `TEMPLATE ${await migratedTemplate(server, service)}` : "";
		await server.query(`CREATE DATABASE ${name} ${template}`);
	});
	const url = serverUrl(name);
	const db = openDb(url, { applicationName: "test", poolSize: 4 });
	return {
		url,
		db,
		async drop() {
			await db.close();
			await onServer((server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`));
		},
	};
}

/** Migrating takes longer than copying, so the first that needs the tables of `service` makes a template for all. */
function migratedTemplate(server: Db, service: StatefulService): Promise<string> {
	const template = `template_${service}`;
	return server.transaction(async (tx) => {
		// This transaction only holds the lock, for as long as a busy machine takes to migrate.
		await tx.query("SET LOCAL idle_in_transaction_session_timeout = 0");
		await tx.query("SELECT pg_advisory_xact_lock(hashtext($1))", [template]);
		const there = await tx.query("SELECT FROM pg_database WHERE datname = $1", [template]);
		if (there.length > 0) return template;
		const unfinished = `${template}_${randomBytes(4).toString("hex")}`;
		await server.query(`CREATE DATABASE ${unfinished}`);
		await migrate(serverUrl(unfinished), migrationsFolder(service));
		await server.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
		return template;
	});
}

/** Runs `work` while nobody reaches that database. */
export async function withoutDatabase(name: string, work: () => Promise<void>): Promise<void> {
	await onServer(async (server) => {
		await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
		try {
			await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
			await work();
		} finally {
			await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
		}
	});
}

/** The URL of `database` on the run's server. */
export function serverUrl(database: string): string {
	const url = new URL(process.env[SERVER_URL_VARIABLE] ?? "");
	url.pathname = database;
	return url.href;
}

/** Does `work` with a pool on the server itself. */
export async function onServer<T>(work: (server: Db) => Promise<T>): Promise<T> {
	const server = openDb(serverUrl("postgres"), { applicationName: "test-admin", poolSize: 2 });
	try {
		return await work(server);
	} finally {
		await server.close();
	}
}
