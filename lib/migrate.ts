import { pathToFileURL } from "node:url";
import { Umzug, type UmzugStorage } from "umzug";
import { type Db, openDb, type Tx } from "./db.ts";
import { LOCKS } from "./locks.ts";

/** What a file `services/<name>/migrations/NNNN-what.ts` exports. */
export interface Migration {
	up(tx: Tx): Promise<void>;
}

const CREATE_LOG = `
	CREATE TABLE IF NOT EXISTS migrations (
		name text PRIMARY KEY,
		applied_at timestamptz NOT NULL DEFAULT now()
	)`;

/** Brings the database at `url` up to the migrations in `folder`, in one transaction; gives the names it applied. */
export async function migrate(url: string, folder: string): Promise<string[]> {
	const db = openDb(url, { applicationName: "migrate", poolSize: 1 });
	try {
		return await db.transaction(async (tx) => {
			// To rewrite a table may take longer than any other statement may, and whoever waits for that waits as long.
			tx.setStatementTimeout(0);
			// Whoever migrates second waits, then finds nothing left to do.
			await tx.query("SET LOCAL lock_timeout = 0");
			await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.migration]);
			// A table that others hold is not waited for: they would wait behind us.
			await tx.query("SET LOCAL lock_timeout TO DEFAULT");
			await tx.query(CREATE_LOG);
			const applied = await umzug(folder, tx).up();
			return applied.map((migration) => migration.name);
		});
	} finally {
		await db.close();
	}
}

/** The names of the migrations in `folder` that `db` still lacks. */
export async function pendingMigrations(db: Db, folder: string): Promise<string[]> {
	return db.transaction(async (tx) => {
		const [log] = await tx.query<{ there: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS there");
		if (!log?.there) await tx.query(CREATE_LOG);
		const pending = await umzug(folder, tx).pending();
		return pending.map((migration) => migration.name);
	});
}

function umzug(folder: string, tx: Tx): Umzug<Tx> {
	return new Umzug<Tx>({
		context: tx,
		logger: undefined,
		storage: migrationLog,
		migrations: {
			glob: ["*.ts", { cwd: folder }],
			resolve: ({ name, path = "", context }) => ({
				name,
				up: async () => {
					const migration: Migration = await import(pathToFileURL(path).href);
					await migration.up(context);
				},
			}),
		},
	});
}

const migrationLog: UmzugStorage<Tx> = {
	async executed({ context }) {
		const rows = await context.query<{ name: string }>("SELECT name FROM migrations ORDER BY name");
		return rows.map((row) => row.name);
	},
	async logMigration({ name, context }) {
		await context.query("INSERT INTO migrations (name) VALUES ($1)", [name]);
	},
	async unlogMigration({ name, context }) {
		await context.query("DELETE FROM migrations WHERE name = $1", [name]);
	},
};
