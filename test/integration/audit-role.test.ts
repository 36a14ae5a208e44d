import { randomBytes } from "node:crypto";
import { v7 as newId } from "uuid";
import { createNode, migrationsFolder } from "../../cli/node.ts";
import { type Db, openDb } from "../../lib/db.ts";
import { keepFloor, sightFloor } from "../../lib/event-bus/floor.ts";
import { migrate } from "../../lib/migrate.ts";
import { provideRole } from "../../lib/roles.ts";
import { call } from "../../lib/service.ts";
import { record } from "../support/audit.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { eventOf } from "../support/events.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

let node: TestNode;
/** The service's own pool, as its commands use it. */
let own: Db;
beforeAll(async () => {
	node = await startServices(["audit"]);
	own = (node.broker.getLocalService("audit") as unknown as { readonly db: Db }).db;
	await record(node.dbs.audit, [eventOf(), eventOf()]);
	await node.dbs.audit.query("INSERT INTO anchors SELECT seq, hash FROM records WHERE seq = 1");
});
afterAll(() => node.stop());

const CHANGES = [
	"UPDATE records SET result = 'ok' WHERE seq = 1",
	"DELETE FROM records WHERE seq = 2",
	"TRUNCATE records",
	"UPDATE anchors SET hash = ''",
	"DELETE FROM anchors",
	"TRUNCATE anchors",
];

test.each([
	...CHANGES,
	"ALTER TABLE records DISABLE TRIGGER USER",
	"DROP TRIGGER records_append_only ON records",
	"SET session_replication_role = replica",
	"DELETE FROM chain_head",
	"UPDATE outbox SET data = '{}'",
	"DELETE FROM migrations",
	"CREATE TABLE mine (a integer)",
])("the service cannot: %s", async (sql) => {
	await expect(own.query(sql)).rejects.toThrow(/permission denied|must be owner/);
});

test("the service keeps how far its events are handled", async () => {
	const floor = { position: "1", places: ["events-all"], checkpoint: null };
	await own.transaction(async (tx) => keepFloor(tx, floor));
	expect((await own.transaction(sightFloor)).floor).toEqual(floor);
});

test("the service stays what it is when it resets its role", async () => {
	let user: unknown;
	const change = own.transaction(async (tx) => {
		await tx.query("RESET ROLE");
		[user] = await tx.query("SELECT current_user");
		await tx.query("DELETE FROM records");
	});
	await expect(change).rejects.toThrow("permission denied");
	expect(user).toEqual({ current_user: "audit_app" });
});

test.each(CHANGES)("not even the tables' owner can, unless he takes the guards away: %s", async (sql) => {
	await expect(node.dbs.audit.query(sql)).rejects.toThrow("the audit is append-only");
});

describe("a service that logs in as nobody but a member of the role", () => {
	const login = `member_${randomBytes(4).toString("hex")}`;
	let database: TestDatabase;
	beforeAll(async () => {
		database = await createDatabase("audit");
		await database.db.query(`CREATE ROLE ${login} LOGIN PASSWORD 'p' IN ROLE audit_app`);
	});
	afterAll(() => database.drop());

	test("serves, and has no other role to go back to", async () => {
		const url = Object.assign(new URL(database.url), { username: login, password: "p" }).href;
		const given = process.env["AUDIT_DATABASE_URL"];
		process.env["AUDIT_DATABASE_URL"] = url;
		const broker = await createNode(["audit"], { logger: false, nodeID: login, namespace: login });
		try {
			await broker.start();
			const about = { user_id: null, action: "users.list", object: "/", ip: null, result: "FORBIDDEN", details: null };
			const event_id = newId();
			const records = [{ ...about, event_id, time: "2026-01-02T03:04:05.678Z", request_id: "r" }];
			await call(broker, "audit.record", { records });
			const auditor = person("eve", "auditor");
			expect(await call(broker, "audit.query", {}, auditor)).toMatchObject({ items: [{ seq: 1, event_id }] });
			expect(await call(broker, "audit.verify", undefined, auditor)).toMatchObject({ ok: true, records: 1 });
			const { db } = broker.getLocalService("audit") as unknown as { readonly db: Db };
			for (const role of ["NONE", login]) {
				const change = db.transaction(async (tx) => {
					await tx.query(`SET ROLE ${role}`);
					await tx.query("DELETE FROM records");
				});
				await expect(change).rejects.toThrow("permission denied");
			}
		} finally {
			await broker.stop();
			process.env["AUDIT_DATABASE_URL"] = given;
		}
	});
});

describe("the role", () => {
	/** They stay until the run's server goes. */
	const newRole = () => `role_${randomBytes(4).toString("hex")}`;

	test("is made once, though two databases want it at the same time and again", async () => {
		const role = newRole();
		const databases = await Promise.all([createDatabase(), createDatabase()]);
		for (let again = 0; again < 2; again++)
			await Promise.all(databases.map(({ db }) => db.transaction((tx) => provideRole(tx, role))));
		await Promise.all(databases.map((database) => database.drop()));
		expect(await node.dbs.audit.query("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", [role])).toEqual([
			{ rolcanlogin: false },
		]);
	});

	test("is granted to a user who may make roles, and left alone where he has it", async () => {
		const [maker, role] = [newRole(), newRole()];
		await node.dbs.audit.query(`CREATE ROLE ${maker} CREATEROLE`);
		for (let again = 0; again < 2; again++)
			await node.dbs.audit.transaction(async (tx) => {
				await tx.query(`SET LOCAL ROLE ${maker}`);
				await provideRole(tx, role);
			});
		const memberOf = "SELECT pg_has_role($1, $2, 'SET') AS member";
		expect(await node.dbs.audit.query(memberOf, [maker, role])).toEqual([{ member: true }]);
	});

	test("a user who may not make roles is told what to do", async () => {
		const [user, role] = [newRole(), newRole()];
		const database = await createDatabase();
		await database.db.query(`CREATE ROLE ${user} LOGIN PASSWORD 'p'; GRANT ALL ON SCHEMA public TO ${user}`);
		const url = Object.assign(new URL(database.url), { username: user, password: "p" }).href;
		const wanted = (name: string) =>
			new RegExp(`User ${user} may not provide .*"CREATE ROLE ${name} NOLOGIN".*"GRANT ${name} TO ${user}"`);
		const db = openDb(url, { applicationName: "test", poolSize: 1 });
		await expect(db.transaction((tx) => provideRole(tx, role))).rejects.toThrow(wanted(role));
		await db.close();

		// The role is there, and the user no member of it.
		await expect(migrate(url, migrationsFolder("audit"))).rejects.toThrow(wanted("audit_app"));
		await database.db.query(`GRANT audit_app TO ${user}`);
		expect(await migrate(url, migrationsFolder("audit"))).toContain("0001-chain.ts");
		await database.drop();
	});

	test("a pool whose role is not there says so, and not that the database is away", async () => {
		const database = await createDatabase();
		const pool = openDb(database.url, { applicationName: "test", poolSize: 1, role: "nobody_has_this" });
		await expect(pool.query("SELECT 1")).rejects.toThrow(/"nobody_has_this"/);
		await pool.close();
		await database.drop();
	});
});
