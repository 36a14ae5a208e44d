import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { connect } from "nats";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";
import { httpClient, logIn, type Send } from "../support/http-client.ts";
import { until } from "../support/until.ts";
import { type Running, runCli, runCliToEnd } from "./processes.ts";

const START_MS = 120_000;
const SCALE = ["--scale", "orders=2,trading=2,api=2"];

const dataDir = mkdtempSync(path.join(os.tmpdir(), "agt-cluster-"));
// PostgreSQL may run as another user, who must be able to pass.
chmodSync(dataDir, 0o755);
const settings = { DATA_DIR: dataDir, PORT: "0" };
let cluster: Running;
let send: Send;
let alice: { token: string };

beforeAll(start, START_MS);

afterAll(async () => {
	// Who was killed leaves its servers to the next start; here there is none.
	const left = processes();
	await cluster?.end("SIGKILL");
	for (const { pid } of left) if (runs(pid)) process.kill(pid, "SIGKILL");
	await removePostgres(path.join(dataDir, "postgres"));
	rmSync(dataDir, { recursive: true, force: true });
}, START_MS);

test("what runs where is told, and an order is taken by either gateway", async () => {
	const table = await status();
	expect(table.map(({ name }) => name)).toEqual(
		expect.arrayContaining(["nats-server", "redis-server", "api-2", "orders-2"]),
	);
	expect(table.every(({ state }) => state === "ready")).toBe(true);
	for (const url of gateways()) {
		const reply = await httpClient(url)("POST /api/orders", { ...alice, body: order(`by-${new URL(url).port}`) });
		expect(reply).toMatchObject({ status: 201, body: { status: "open" } });
	}
});

test("passwords are the owner's alone, and who has none stays outside", async () => {
	for (const file of ["cluster", "cluster/credentials.json", "cluster/nats.conf", "cluster/redis.conf", "run.json"])
		expect([file, (statSync(path.join(dataDir, file)).mode & 0o077).toString(8)]).toEqual([file, "0"]);
	const { transporter } = JSON.parse(readFileSync(path.join(dataDir, "run.json"), "utf8")) as { transporter: string };
	await expect(connect({ servers: new URL(transporter).host })).rejects.toThrow("Authorization");
});

test("a process that dies is started again, and its death is told with the end of its log", async () => {
	await killUntilBack("risk-1");
	expect(cluster.output()).toContain("risk-1 died (SIGKILL)");
	await until(async () => (await send("GET /health/ready")).status === 200, START_MS);
});

test("PostgreSQL is started again too, and orders go on", async () => {
	await killUntilBack("postgres");
	expect(cluster.output()).toContain("PostgreSQL died, starts again in 0.5 s");
	await until(
		async () => (await send("POST /api/orders", { ...alice, body: order("after-postgres") })).status === 201,
		START_MS,
	);
});

test("a restart of a service, one process after the other, is not noticed by its users", async () => {
	const before = await status();
	let restarting = true;
	let served = 0;
	const refused: unknown[] = [];
	const placing = (async () => {
		for (let i = 0; restarting; i++) {
			const reply = await send("POST /api/orders", { ...alice, body: order(`during-${i % 50}`) });
			if (reply.status !== 201) refused.push([reply.status, reply.body]);
			served += 1;
		}
	})();
	const { code, output } = await control("restart", "orders");
	restarting = false;
	expect([code, output]).toEqual([0, expect.stringMatching(/orders-1 is back .*\norders-2 is back /)]);
	await placing;
	expect(served).toBeGreaterThan(50);
	expect(refused).toEqual([]);
	const pids = (await status()).filter(({ name, pid }) => before.find((old) => old.name === name)?.pid !== pid);
	expect(pids.map(({ name }) => name)).toEqual(["orders-1", "orders-2"]);
	expect((await control("restart", "ordrs")).code).toBe(1);
});

test("the example joins, trades, hears of it and leaves", async () => {
	const { code, output } = await runCliToEnd("../examples/joined-node", settings);
	expect([code, output]).toEqual([0, expect.stringMatching(/joined as example-\d+: \d+ nodes/)]);
	for (const line of ["#1", "#2 pending -> open", "#3 open -> canceled"])
		expect(output.match(new RegExp(`^heard  orders.* \\S+${line}$`, "gm"))).toHaveLength(1);
	expect(output.trimEnd().endsWith("left")).toBe(true);
});

test(
	"after kill -9 of the supervisor its nodes end, and the next start goes on with the same data",
	async () => {
		const before = processes();
		const stopped = before.find(({ name }) => name === "data-1");
		// One that cannot notice anything.
		process.kill(stopped?.pid ?? 0, "SIGSTOP");
		await cluster.end("SIGKILL");
		const servers = ["nats-server", "redis-server", "data-1"];
		await until(() => before.every(({ name, pid }) => servers.includes(name) || !runs(pid)), START_MS);
		await start();
		expect(cluster.output()).toContain(
			"Ended what a killed cluster had left running: nats-server, redis-server, data-1",
		);
		expect(before.some(({ pid }) => runs(pid))).toBe(false);
		const again = await send("POST /api/orders", { ...alice, body: order("during-0") });
		expect(again.headers.get("Idempotency-Replayed")).toBe("true");
		expect((await runCliToEnd("verify", settings)).output).toContain("All invariants hold");
	},
	2 * START_MS,
);

test("a stop ends everything, gateways first", async () => {
	const before = processes();
	const asked = control("stop");
	expect(await asked).toMatchObject({ code: 0 });
	await until(() => cluster.process.exitCode !== null);
	expect(cluster.process.exitCode).toBe(0);
	expect(before.some(({ pid }) => runs(pid))).toBe(false);
	expect((await control("status")).output).toContain("No cluster runs");
});

async function start(): Promise<void> {
	cluster = runCli("cluster", settings, SCALE);
	await until(() => cluster.output().includes("Ready after") || cluster.process.exitCode !== null, START_MS);
	if (cluster.process.exitCode !== null) throw new Error(cluster.output());
	send = httpClient(gateways()[0] as string);
	const { users } = JSON.parse(readFileSync(path.join(dataDir, "demo-users.json"), "utf8")) as {
		users: { username: string; password: string }[];
	};
	alice = await logIn(send, "alice", users.find(({ username }) => username === "alice")?.password ?? "");
}

interface Member {
	readonly name: string;
	readonly state: string;
	readonly pid: number;
	readonly restarts: number;
}

const control = (...args: string[]) => runCliToEnd("cluster", settings, args);

async function status(): Promise<Member[]> {
	const { output } = await control("status");
	const rows = output.trim().split("\n").slice(1);
	return rows.map((row) => {
		const [name = "", state = "", pid, restarts] = row.trim().split(/\s+/);
		return { name, state, pid: Number(pid), restarts: Number(restarts) };
	});
}

/** Kills a process; resolves once another one is in its place. */
async function killUntilBack(name: string): Promise<void> {
	const killed = await member(name);
	process.kill(killed.pid, "SIGKILL");
	await until(async () => {
		const { pid, state, restarts } = await member(name);
		return pid !== killed.pid && state === "ready" && restarts === 1;
	}, START_MS);
}

async function member(name: string): Promise<Member> {
	const found = (await status()).find((candidate) => candidate.name === name);
	if (!found) throw new Error(`there is no ${name}`);
	return found;
}

function gateways(): string[] {
	return [...cluster.output().matchAll(/api-\d\s.*(http:\S+)/g)].map(([, url]) => url as string);
}

function processes(): { name: string; pid: number }[] {
	return JSON.parse(readFileSync(path.join(dataDir, "cluster/processes.json"), "utf8")) as [];
}

function runs(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

function order(client_order_id: string): object {
	return { symbol: "BTC-USD", side: "buy", quantity: "0.001", price: "1000", client_order_id };
}
