import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";
import { httpClient, logIn, type Reply } from "../support/http-client.ts";

const START = path.join(import.meta.dirname, "../../cli/start.ts");
const REPL = path.join(import.meta.dirname, "../../cli/repl.ts");
const CLUSTER = path.join(import.meta.dirname, "../../cli/cluster.ts");
const READY_MS = 30_000;

// Several whole instances start and stop in one test.
import.meta.jest.setTimeout(4 * READY_MS);

/** A running `npm start`. */
interface Instance {
	readonly process: ChildProcess;
	readonly url: string;
	readonly output: string;
}

const folders: string[] = [];
const running = new Set<ChildProcess>();

afterAll(async () => {
	for (const child of running) child.kill("SIGKILL");
	for (const folder of folders) {
		await removePostgres(path.join(folder, "postgres"));
		rmSync(folder, { recursive: true, force: true });
	}
});

describe("a newcomer's first start", () => {
	const dataDir = newFolder();
	let instance: Instance;
	beforeAll(async () => {
		instance = await start(dataDir);
	});

	test("prints logins that work, and an order is answered", async () => {
		const order = await placeOrder(instance.url, dataDir, "first");
		expect(order).toMatchObject({ status: "open", quantity: "0.01", remaining_quantity: "0.01", price: "60000" });
		for (const { username, password } of demoUsers(dataDir)) {
			expect(instance.output).toMatch(new RegExp(`${username}\\s+${password}`));
		}
	});

	test("prints curl lines that work", () => {
		const script = instance.output.split("\n").filter((line) => /^ {4}(?:TOKEN|curl)/.test(line));
		expect(script).toHaveLength(2);
		const { stdout } = spawnSync("sh", ["-c", script.join("\n")], { encoding: "utf8" });
		expect(JSON.parse(stdout)).toMatchObject({ symbol: "BTC-USD", status: "open" });
	});

	test("keeps passwords, keys and sockets for their owner, and the database server for this machine", () => {
		for (const file of ["demo-users.json", "run.json", "repl.sock", "postgres/password"]) {
			expect([file, (statSync(path.join(dataDir, file)).mode & 0o077).toString(8)]).toEqual([file, "0"]);
		}
		const info = JSON.parse(readFileSync(path.join(dataDir, "run.json"), "utf8")) as { databases: { orders: string } };
		expect(new URL(info.databases.orders).hostname).toBe("127.0.0.1");
	});

	test("lets no second process at its folder, and says who has it", () => {
		const second = runToEnd({ DATA_DIR: dataDir, PORT: "0" });
		expect(second.status).toBe(1);
		expect(second.stderr).toBe(`${dataDir} is in use by a running instance (process ${instance.process.pid})\n`);
	});

	test("opens the inside to the REPL, whose end is not the cluster's", async () => {
		const session = await repl(dataDir, "nodes\ncall config.value --key users.max_users\nexit\n");
		expect(session).toContain("ONLINE");
		expect(session).toMatch(/value: .*10000/);
		expect((await httpClient(instance.url)("GET /health")).status).toBe(200);
	});

	test("says that it is no cluster to who asks it as one", () => {
		const env = environment({ DATA_DIR: dataDir });
		const asked = spawnSync(process.execPath, [CLUSTER, "status"], { env, encoding: "utf8", timeout: READY_MS });
		expect([asked.status, asked.stdout]).toEqual([1, "Here 'npm start' runs, and no cluster: Ctrl-C stops it\n"]);
	});

	test("shows the last events, and those that come, in the REPL", async () => {
		const tail = "events tail --type trading.deposited --limit 2 --follow 1\nevents tail --help\nevents\nexit\n";
		const session = await repl(dataDir, tail);
		expect(session.match(/trading\.deposited transfer:\S+#1 .*"kind":"deposit"/g)).toHaveLength(2);
		expect(session).toContain("--follow <seconds>");
		// Moleculer's own command of that name is still there.
		expect(session).toContain("$broker.started");
	});

	test("ends with Ctrl-C and leaves nothing running", async () => {
		expect(await end(instance, "SIGINT")).toBe(0);
		expect(serverPid(dataDir)).toBeNull();
		expect(existsSync(path.join(dataDir, "run.json"))).toBe(false);
	});
});

test("after kill -9 the next start finds everything as it was acknowledged", async () => {
	const dataDir = newFolder();
	const killed = await start(dataDir);
	const order = await placeOrder(killed.url, dataDir, "kept");
	const pid = serverPid(dataDir);
	await end(killed, "SIGKILL");

	const next = await start(dataDir);
	expect(serverPid(dataDir)).not.toBe(pid);
	const again = await placeOrder(next.url, dataDir, "kept");
	expect(again["order_id"]).toBe(order["order_id"]);
	expect(await end(next, "SIGTERM")).toBe(0);
});

test("the REPL without an instance says how to start one", () => {
	const { status, stderr } = spawnSync(process.execPath, [REPL], {
		env: environment({ DATA_DIR: newFolder() }),
		encoding: "utf8",
	});
	expect(status).toBe(1);
	expect(stderr).toContain("npm start");
});

test("a taken port is said before anything starts", async () => {
	const server = net.createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as net.AddressInfo;
	const dataDir = newFolder();
	const { status, stderr } = runToEnd({ DATA_DIR: dataDir, PORT: String(port) });
	expect(status).toBe(1);
	expect(stderr).toMatch(new RegExp(`^PORT=${port} on HOST=127.0.0.1 is in use: .*\n$`));
	expect(serverPid(dataDir)).toBeNull();
	server.close();
});

test.each([
	["PORT", "80a"],
	["LOG_LEVEL", "loud"],
	["ORDERS_DATABASE_URL", "mysql://db/orders"],
	["TRANSPORTER", "nats://127.0.0.1:4222"],
])("%s=%s is one clear line, no stack", (name, value) => {
	const { status, stderr } = runToEnd({ DATA_DIR: newFolder(), PORT: "0", [name]: value });
	expect(status).toBe(1);
	expect(stderr).toContain(name);
	expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot("root's data stays in a folder that others may enter, and leaves one that they may not", async () => {
	const [open, closed] = [newFolder(), newFolder()];
	chmodSync(open, 0o755);
	for (const dataDir of [open, closed]) await end(await start(dataDir), "SIGTERM");
	expect(realpathSync(path.join(open, "postgres"))).toBe(path.join(realpathSync(open), "postgres"));
	expect(realpathSync(path.join(closed, "postgres"))).toMatch(/^\/var\/lib\/autogrowthtrading\//);
	expect(statSync(realpathSync(path.join(closed, "postgres"))).uid).not.toBe(0);
});

/** Private to its owner, as folders in a home may be. */
function newFolder(): string {
	const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "agt-start-")));
	folders.push(folder);
	return folder;
}

function environment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
	const { PATH, HOME, USER } = process.env;
	return { PATH, HOME, USER, ...settings };
}

async function start(dataDir: string): Promise<Instance> {
	const child = spawn(process.execPath, [START], { env: environment({ DATA_DIR: dataDir, PORT: "0" }) });
	running.add(child);
	let output = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
	const giveUpAt = Date.now() + READY_MS;
	while (!output.includes("Ctrl-C")) {
		if (child.exitCode !== null || Date.now() > giveUpAt) throw new Error(`did not start:\n${output}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	return { process: child, url: /http:\S+/.exec(output)?.[0] ?? "", output };
}

async function end({ process: child }: Instance, signal: NodeJS.Signals): Promise<number | null> {
	child.kill(signal);
	await once(child, "exit");
	running.delete(child);
	return child.exitCode;
}

function runToEnd(settings: Readonly<Record<string, string>>): { status: number | null; stderr: string } {
	return spawnSync(process.execPath, [START], { env: environment(settings), encoding: "utf8", timeout: READY_MS });
}

async function repl(dataDir: string, commands: string): Promise<string> {
	const child = spawn(process.execPath, [REPL], { env: environment({ DATA_DIR: dataDir }) });
	let output = "";
	child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
	child.stdin.end(commands);
	await once(child, "exit");
	return output;
}

function demoUsers(dataDir: string): readonly { username: string; password: string }[] {
	return (JSON.parse(readFileSync(path.join(dataDir, "demo-users.json"), "utf8")) as { users: [] }).users;
}

async function placeOrder(url: string, dataDir: string, clientOrderId: string): Promise<Reply["body"]> {
	const send = httpClient(url);
	const alice = demoUsers(dataDir).find(({ username }) => username === "alice");
	const { token } = await logIn(send, "alice", alice?.password ?? "");
	const order = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "60000", client_order_id: clientOrderId };
	const { status, body } = await send("POST /api/orders", { token, body: order });
	expect([200, 201]).toContain(status);
	return body;
}

/** The process id of the folder's database server, or null when none runs. */
function serverPid(dataDir: string): number | null {
	const file = path.join(dataDir, "postgres/data/postmaster.pid");
	return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : null;
}
