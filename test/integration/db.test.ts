import { once } from "node:events";
import net from "node:net";
import { brokenConstraint, openDb, type Tx } from "../../lib/db.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
beforeAll(async () => {
	database = await createDatabase();
	await database.db.query("CREATE TABLE t (id integer CONSTRAINT t_pkey PRIMARY KEY, n integer NOT NULL DEFAULT 0)");
	await database.db.query("INSERT INTO t VALUES (1), (2)");
});
afterAll(() => database.drop());

const insert = (tx: Tx, id: number) => tx.query("INSERT INTO t (id) VALUES ($1)", [id]);
const ids = async () => (await database.db.query<{ id: number }>("SELECT id FROM t ORDER BY id")).map(({ id }) => id);

test("statements that are called together run in the order of the calls, and one failure undoes all", async () => {
	const { db } = database;
	const together = db.transaction((tx) => Promise.all([insert(tx, 10), insert(tx, 10), insert(tx, 11)]));
	await expect(together).rejects.toMatchObject({ code: "23505" });
	expect(await ids()).toEqual([1, 2]);
	const [, rows] = await db.transaction((tx) =>
		Promise.all([insert(tx, 10), tx.query("SELECT id FROM t WHERE id = 10")]),
	);
	expect(rows).toEqual([{ id: 10 }]);
});

test("a change that nobody waits for is kept by the commit, or fails the transaction with its own error", async () => {
	const { db } = database;
	const lost = db.transaction(async (tx) => {
		tx.execute("INSERT INTO t (id) VALUES ($1)", [1]);
		tx.execute("INSERT INTO t (id) VALUES ($1)", [20]);
	});
	await expect(lost).rejects.toMatchObject({ code: "23505", constraint: "t_pkey" });
	const behind = db.transaction(async (tx) => {
		tx.execute("INSERT INTO t (id) VALUES ($1)", [1]);
		await insert(tx, 20);
	});
	await expect(behind).rejects.toMatchObject({ code: "23505", constraint: "t_pkey" });
	expect(await ids()).not.toContain(20);
	await db.transaction(async (tx) => tx.execute("INSERT INTO t (id) VALUES ($1)", [20]));
	expect(await ids()).toContain(20);
});

test("a transaction whose statement failed does not pass for committed, whoever caught the error", async () => {
	const caught = database.db.transaction(async (tx) => {
		await insert(tx, 21);
		await insert(tx, 1).catch(() => {});
	});
	await expect(caught).rejects.toMatchObject({ code: "23505" });
	expect(await ids()).not.toContain(21);
	const renamed = database.db.transaction((tx) => insert(tx, 1).catch(() => Promise.reject(new Error("taken"))));
	await expect(renamed).rejects.toThrow("taken");
});

test("a statement that failed when first used, and one behind it, can be used again", async () => {
	const { db } = database;
	const first = "INSERT INTO t (id, n) VALUES ($1, 7)";
	const second = "SELECT n + $1::integer AS n FROM t WHERE id = 1";
	const both = (tx: Tx, id: number) => Promise.all([tx.query(first, [id]), tx.query(second, [1])]);
	await expect(db.transaction((tx) => both(tx, 1))).rejects.toMatchObject({ code: "23505" });
	await db.transaction((tx) => both(tx, 30));
	expect(await ids()).toContain(30);
});

test("a table that gets a column meanwhile is read on, in transactions and outside", async () => {
	const { db } = database;
	await db.query("CREATE TABLE growing (id integer)");
	await db.query("INSERT INTO growing VALUES (1)");
	const read = "SELECT * FROM growing WHERE id = $1";
	const readOften = () => Promise.all(Array.from({ length: 12 }, () => db.query(read, [1])));
	await readOften();
	await db.query("ALTER TABLE growing ADD COLUMN n integer NOT NULL DEFAULT 5");
	expect(await db.transaction((tx) => tx.query(read, [1]))).toEqual([{ id: 1, n: 5 }]);
	expect(new Set((await readOften()).map((rows) => JSON.stringify(rows)))).toEqual(new Set(['[{"id":1,"n":5}]']));
	await db.query("DROP TABLE growing");
});

test("the constraint that was broken has a name, inside a transaction and outside", async () => {
	const { db } = database;
	const inside = await db.transaction((tx) => insert(tx, 1)).catch(brokenConstraint);
	const outside = await db.query("INSERT INTO t VALUES (1)").catch(brokenConstraint);
	expect([inside, outside]).toEqual(["t_pkey", "t_pkey"]);
});

test("a statement after the end of its transaction is refused", async () => {
	let left: Tx | undefined;
	await database.db.transaction(async (tx) => void (left = tx));
	await expect(left?.query("SELECT 1")).rejects.toThrow("after the end of its transaction");
});

test("transactions that wait for each other in a ring both end: the one that lost is run again", async () => {
	const { db } = database;
	let runs = 0;
	const both = (first: number, second: number) =>
		db.transaction(async (tx) => {
			runs += 1;
			await tx.query("UPDATE t SET n = n + 1 WHERE id = $1", [first]);
			await new Promise((resolve) => setTimeout(resolve, 100));
			await tx.query("UPDATE t SET n = n + 1 WHERE id = $1", [second]);
		});
	await Promise.all([both(1, 2), both(2, 1)]);
	expect(runs).toBe(3);
	expect(await db.query("SELECT n FROM t WHERE id IN (1, 2)")).toEqual([{ n: 2 }, { n: 2 }]);
});

test("a connection that the server ends is a service that is away; the next transaction has a new one", async () => {
	const { db } = database;
	const ended = db.transaction((tx) => tx.query("SELECT pg_terminate_backend(pg_backend_pid())"));
	await expect(ended).rejects.toMatchObject({ code: 503, type: "SERVICE_UNAVAILABLE" });
	expect(await db.transaction((tx) => tx.query("SELECT 1 AS one"))).toEqual([{ one: 1 }]);
});

test("a transaction for which there was no room, or whose connection broke, is run again from the start", async () => {
	const { db } = database;
	await db.query("CREATE SEQUENCE tries");
	await db.query(`CREATE FUNCTION fail_twice() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('tries') < 3 THEN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END IF;
	END $$`);
	let runs = 0;
	await db.transaction(async (tx) => {
		runs += 1;
		await insert(tx, 40 + runs);
		await tx.query("SELECT fail_twice()");
		if (runs === 3) await tx.query("SELECT pg_terminate_backend(pg_backend_pid())");
	});
	expect(runs).toBe(4);
	expect((await ids()).filter((id) => id > 40)).toEqual([44]);
	await db.query("DROP FUNCTION fail_twice");
	await db.query("DROP SEQUENCE tries");
});

test("a commit whose answer is lost is not run again, since nobody knows what became of it", async () => {
	const { db } = database;
	await db.query(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		PERFORM pg_terminate_backend(pg_backend_pid());
		RETURN NULL;
	END $$`);
	await db.query(`CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION die()`);
	let runs = 0;
	const lost = db.transaction(async (tx) => {
		runs += 1;
		await insert(tx, 50);
	});
	await expect(lost).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
	expect(runs).toBe(1);
	await db.query("DROP TRIGGER die ON t");
	await db.query("DROP FUNCTION die");
});

test("a server that is not there is waited for, though not for long", async () => {
	const port = await freePort();
	const url = new URL(database.url);
	const target = Number(url.port);
	url.port = String(port);
	const db = openDb(url.href, { applicationName: "test", poolSize: 1 });
	const one = () => db.transaction((tx) => tx.query("SELECT 1 AS one"));
	await expect(one()).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
	let broken = 0;
	const way = net.createServer((near) => {
		if (broken < 3) {
			broken += 1;
			near.destroy();
			return;
		}
		const far = net.connect(target, "127.0.0.1");
		near.pipe(far).pipe(near);
	});
	await once(way.listen(port, "127.0.0.1"), "listening");
	const both = Promise.all([one(), db.query("SELECT 1 AS one")]);
	expect(await both).toEqual([[{ one: 1 }], [{ one: 1 }]]);
	await db.close();
	way.close();
});

/** A way to the test's server that can fall silent, as a host does that is cut off: nothing is answered or refused. */
async function silentWay() {
	const target = Number(new URL(database.url).port);
	const pairs = new Map<net.Socket, net.Socket>();
	let silent = false;
	const server = net.createServer((near) => {
		const far = net.connect(target, "127.0.0.1");
		for (const end of [near, far]) end.on("error", () => {});
		near.on("close", () => far.destroy());
		pairs.set(near, far);
		if (!silent) near.pipe(far).pipe(near);
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	const url = new URL(database.url);
	url.port = String((server.address() as net.AddressInfo).port);
	return {
		url: url.href,
		fallSilent() {
			silent = true;
			for (const [near, far] of pairs) near.unpipe(far);
		},
		speak: () => void (silent = false),
		close() {
			server.close();
			for (const [near] of pairs) near.destroy();
		},
	};
}

test("a server that falls silent is not waited for for ever, and whoever comes back finds the whole pool", async () => {
	const way = await silentWay();
	const db = openDb(way.url, { applicationName: "test", poolSize: 2, answerWithinMs: 2_000 });
	try {
		const one = () => db.transaction((tx) => tx.query("SELECT 1 AS one"));
		await Promise.all([one(), one()]);
		let runs = 0;
		const uncertain = db.transaction(async (tx) => {
			runs += 1;
			await insert(tx, 60);
			way.fallSilent();
		});
		await expect(uncertain).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
		expect(runs).toBe(1);
		const waiting = await Promise.allSettled([one(), one(), db.query("SELECT 1")]);
		expect(waiting.map((result) => result.status === "rejected" && result.reason.type)).toEqual(
			Array(3).fill("SERVICE_UNAVAILABLE"),
		);
		way.speak();
		await until(() =>
			one().then(
				() => true,
				() => false,
			),
		);
		const together = () => db.transaction((tx) => tx.query("SELECT pg_sleep(0.2)"));
		await Promise.all([together(), together()]);
	} finally {
		await db.close();
		way.close();
	}
}, 60_000);

test("a transaction whose statements may take longer is waited for as long, and no other is", async () => {
	const db = openDb(database.url, { applicationName: "test", poolSize: 1, answerWithinMs: 1_000 });
	const sleep = (tx: Tx) => tx.query("SELECT pg_sleep(2), 1 AS one");
	try {
		const patient = db.transaction(async (tx) => {
			tx.setStatementTimeout(60_000);
			return sleep(tx);
		});
		expect(await patient).toMatchObject([{ one: 1 }]);
		await expect(db.transaction(sleep)).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
		const short = db.transaction((tx) => {
			tx.setStatementTimeout(100);
			return sleep(tx);
		});
		await expect(short).rejects.toMatchObject({ code: "57014" });
	} finally {
		await db.close();
	}
}, 60_000);

test("what commits tells so, what does not is silent", async () => {
	const told: string[] = [];
	await database.db.transaction(async (tx) => tx.afterCommit(() => told.push("kept")));
	await database.db
		.transaction(async (tx) => {
			tx.afterCommit(() => told.push("lost"));
			throw new Error("undone");
		})
		.catch(() => {});
	expect(told).toEqual(["kept"]);
});
