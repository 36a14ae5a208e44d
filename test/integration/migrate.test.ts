import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { migrate } from "../../lib/migrate.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
	database = await createDatabase();
	folder = await mkdtemp(path.join(os.tmpdir(), "agt-migrations-"));
});
afterEach(async () => {
	await rm(folder, { recursive: true, force: true });
	await database.drop();
});

test("a migration may take as long as the tables are large; any other statement may not", async () => {
	const limit = "SELECT current_setting('statement_timeout') AS statement_timeout";
	await writeFile(
		path.join(folder, "0001-limit.ts"),
		`export const up = (tx) => tx.query("CREATE TABLE seen AS ${limit}");`,
	);
	expect(await migrate(database.url, folder)).toEqual(["0001-limit.ts"]);
	expect(await database.db.query("SELECT * FROM seen")).toEqual([{ statement_timeout: "0" }]);
	expect(await database.db.query(limit)).toEqual([{ statement_timeout: "15s" }]);
});

test("of two that migrate at once, one does and the other waits, then finds nothing to do", async () => {
	// The first goes on once the second waits for it.
	const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
	await writeFile(
		path.join(folder, "0001-limit.ts"),
		`export async function up(tx) {
			while ((await tx.query(\`${waiting}\`)).length === 0);
			await tx.query("CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout");
		}`,
	);
	const applied = await Promise.all([1, 2].map(() => migrate(database.url, folder)));
	expect(applied.toSorted((a, b) => a.length - b.length)).toEqual([[], ["0001-limit.ts"]]);
	expect(await database.db.query("SELECT * FROM seen")).toEqual([{ lock_timeout: "5s" }]);
});
