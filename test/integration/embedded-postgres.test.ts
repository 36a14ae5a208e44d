import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openDb } from "../../lib/db.ts";
import { removePostgres, startPostgres } from "../../lib/embedded-postgres/index.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "agt-postgres-"));
chmodSync(folder, 0o755);
const home = path.join(folder, "postgres");
const pidFile = path.join(home, "data/postmaster.pid");
/** A start after a crash, on a machine that may be busy. */
const RESTART_MS = 30_000;
/** Longer than until it would have been started. */
const DEAD_MS = 1_000;
const options = { home, port: 0, maxConnections: 20, durable: true };

afterAll(async () => {
	await removePostgres(home);
	rmSync(folder, { recursive: true, force: true });
});

async function ask(url: string, sql: string): Promise<unknown> {
	const db = openDb(url, { applicationName: "test", poolSize: 1 });
	try {
		const [row] = await db.query(sql);
		return Object.values(row ?? {})[0];
	} finally {
		await db.close();
	}
}

test("a server is of version 18, durable, and keeps its data from one start to the next", async () => {
	const first = await startPostgres(options);
	expect(await ask(first.url("postgres"), "SHOW server_version")).toMatch(/^18\./);
	expect(
		await ask(first.url("postgres"), "SELECT current_setting('fsync') || current_setting('synchronous_commit')"),
	).toBe("onon");
	await ask(first.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS answer");
	await first.stop();

	const second = await startPostgres(options);
	expect(await ask(second.url("postgres"), "SELECT answer FROM kept")).toBe(42);
	await second.stop();
});

test("a server that a killed process left running is replaced", async () => {
	const left = await startPostgres(options);
	const next = await startPostgres(options);
	expect(await ask(next.url("postgres"), "SELECT answer FROM kept")).toBe(42);
	if (left.port !== next.port) await expect(ask(left.url("postgres"), "SELECT 1")).rejects.toThrow();
	await next.stop();
	expect(existsSync(pidFile)).toBe(false);
});

test("the process id that a crash left, and another program has by now, is not waited for", async () => {
	writeFileSync(pidFile, `${process.pid}\n${home}/data\n1700000000\n54320\n\n127.0.0.1\n\nready\n`);
	const server = await startPostgres(options);
	expect(await ask(server.url("postgres"), "SELECT answer FROM kept")).toBe(42);
	await server.stop();
});

test("a taken port is passed over", async () => {
	const taken = net.createServer().listen(0, "127.0.0.1");
	await once(taken, "listening");
	const { port } = taken.address() as net.AddressInfo;
	const server = await startPostgres({ ...options, port });
	expect(server.port).not.toBe(port);
	await server.stop();
	taken.close();
});

test("the password is needed, and the server's own user is an ordinary one", async () => {
	const server = await startPostgres(options);
	const wrong = new URL(server.url("postgres"));
	wrong.password = "guess";
	await expect(ask(wrong.href, "SELECT 1")).rejects.toThrow();
	const pid = readFileSync(pidFile, "utf8").split("\n")[0] ?? "";
	expect(execFileSync("ps", ["-o", "uid=", "-p", pid], { encoding: "utf8" }).trim()).not.toBe("0");
	await server.stop();
});

test("a server that dies is started again at the same port, and told of with the end of its log", async () => {
	const told: string[] = [];
	const server = await startPostgres({ ...options, keep: (lines) => told.push(lines) });
	const { pid } = server.status() ?? {};
	process.kill(pid ?? 0, "SIGKILL");
	await until(() => server.status()?.restarts === 1, RESTART_MS);
	expect(server.status()).toMatchObject({ state: "ready", pid: expect.any(Number) });
	expect(server.status()?.pid).not.toBe(pid);
	expect(await ask(server.url("postgres"), "SELECT answer FROM kept")).toBe(42);
	expect(told[0]).toMatch(/^PostgreSQL died, starts again in 0.5 s. Its log ends with:\n.*ready to accept/s);
	await server.stop();
});

test("a server that is stopped while it is dead stays so", async () => {
	const server = await startPostgres({ ...options, keep: () => {} });
	process.kill(server.status()?.pid ?? 0, "SIGKILL");
	await until(() => server.status()?.state === "died", RESTART_MS);
	await server.stop();
	await delay(DEAD_MS);
	expect(existsSync(pidFile)).toBe(false);
});

test("a server that cannot start says why, by its own log", async () => {
	appendFileSync(path.join(home, "data/postgresql.conf"), "no_such_setting = 1\n");
	await expect(startPostgres(options)).rejects.toThrow(/did not start[^]*no_such_setting/);
});
