import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { migrate } from "../../lib/migrate.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
	database = await createDatabase();
	folder = await mkdtemp(path.join(os.tmpdir(), "agt-migrations-"));
});
afterAll(async () => {
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
