import { availableParallelism } from "node:os";
import path from "node:path";
import { openDb } from "../lib/db.ts";
import { type PostgresServer, startPostgres } from "../lib/embedded-postgres/index.ts";
import { type Env, givenDatabaseUrls } from "../lib/env.ts";
import { migrate } from "../lib/migrate.ts";
import { databaseName, STATEFUL_SERVICES, type StatefulService } from "../lib/topology.ts";
import { migrationsFolder } from "./node.ts";
import type { Progress } from "./progress.ts";

/** Next to PostgreSQL's own 5432, so that the two do not meet, and easy to find with a client. */
const EMBEDDED_PORT = 54_320;

/** For `psql`, `npm run verify` and migrations beside the services' pools. */
const SPARE_CONNECTIONS = 40;

export type DatabaseUrls = Readonly<Record<StatefulService, string>>;

/** A database for every service. */
export interface Databases {
	readonly urls: DatabaseUrls;
	/** The services whose databases are on the embedded server. */
	readonly embedded: readonly StatefulService[];
	/** The embedded server, which is started again when it dies; null when there is none. */
	readonly server: PostgresServer | null;
	/** Stops the embedded server if there is one. */
	stop(): Promise<void>;
}

interface OpenOptions {
	readonly progress: Progress;
	/** Told what an operator should know: one or more lines. */
	readonly tell: (lines: string) => void;
	/** How many processes of a service use the embedded server: one unless told. */
	readonly processesOf?: (service: StatefulService) => number;
}

/** The databases that the environment names, and for the services that it does not, those of an embedded server. */
export async function openDatabases(
	settings: Env,
	{ progress, tell, processesOf = () => 1 }: OpenOptions,
): Promise<Databases> {
	const given: Partial<DatabaseUrls> = givenDatabaseUrls();
	const embedded = STATEFUL_SERVICES.filter((service) => !given[service]);
	if (embedded.length === 0) return { urls: given as DatabaseUrls, embedded, server: null, stop: async () => {} };

	const pools = embedded.reduce((sum, service) => sum + processesOf(service), 0);
	const server = await progress("PostgreSQL", () =>
		startPostgres({
			home: path.join(settings.dataDir, "postgres"),
			port: EMBEDDED_PORT,
			maxConnections: pools * settings.databasePoolSize + SPARE_CONNECTIONS,
			durable: true,
			keep: tell,
		}),
	);
	try {
		await createMissing(server.url("postgres"), embedded.map(databaseName));
	} catch (error) {
		await server.stop();
		throw error;
	}
	const own = Object.fromEntries(embedded.map((service) => [service, server.url(databaseName(service))]));
	return { urls: { ...given, ...own } as DatabaseUrls, embedded, server, stop: server.stop };
}

/** Brings the databases of `services` up to date; gives how many migrations were applied. */
export async function migrateAll(
	services: readonly StatefulService[],
	urlOf: (service: string) => string,
): Promise<number> {
	const queue = [...services];
	let applied = 0;
	// Migrating is mostly the server's work: more at once than there are processors only makes each slower.
	const workers = Array.from({ length: availableParallelism() }, async () => {
		for (let service = queue.shift(); service; service = queue.shift()) {
			applied += (await migrate(urlOf(service), migrationsFolder(service))).length;
		}
	});
	await Promise.all(workers);
	return applied;
}

async function createMissing(serverUrl: string, names: readonly string[]): Promise<void> {
	const server = openDb(serverUrl, { applicationName: "start", poolSize: 1 });
	try {
		const rows = await server.query<{ datname: string }>("SELECT datname FROM pg_database");
		const there = new Set(rows.map((row) => row.datname));
		for (const name of names) if (!there.has(name)) await server.query(`CREATE DATABASE ${name}`);
	} finally {
		await server.close();
	}
}
