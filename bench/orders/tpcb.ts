import { execFile } from "node:child_process";
import { promisify } from "node:util";
import pg from "pg";

/** How the baseline was driven: pgbench itself, or its statements through the same driver as ours. */
export type TpcbWay = "pgbench" | "pg";

/** TPC-B-like transactions on a database of their own, as pgbench has them. */
export interface Tpcb {
	readonly way: TpcbWay;
	/** Transactions/s with `clients` connections for some time. */
	measure(clients: number, seconds: number): Promise<number>;
}

/** pgbench counts the time in which it connects, though not in its rate. */
const CONNECTS_PER_S = 25;

/** Branches: with fewer than there are clients they would wait for each other's rows more than for the disk. */
const SCALE = 20;
const TELLERS_PER_BRANCH = 10;
const ACCOUNTS_PER_BRANCH = 100_000;
const MAX_DELTA = 5_000;

const run = promisify(execFile);

/** Fills the empty database at `url` with pgbench's tables. */
export async function prepareTpcb(url: string): Promise<Tpcb> {
	const way = await run("pgbench", ["--version"]).then(
		() => "pgbench" as const,
		() => "pg" as const,
	);
	if (way === "pgbench") {
		await run("pgbench", ["--initialize", "--quiet", `--scale=${SCALE}`, url]);
		return { way, measure: (clients, seconds) => measureByPgbench(url, clients, seconds) };
	}
	await fill(url);
	return { way, measure: (clients, seconds) => measureByDriver(url, clients, seconds) };
}

async function measureByPgbench(url: string, clients: number, seconds: number): Promise<number> {
	const time = seconds + Math.ceil(clients / CONNECTS_PER_S);
	const args = [`--client=${clients}`, "--jobs=2", `--time=${time}`, "--no-vacuum", "--protocol=prepared", url];
	const { stdout } = await run("pgbench", args);
	const rate = /tps = ([\d.]+)/.exec(stdout)?.[1];
	if (!rate) throw new Error(`pgbench gives no rate:\n${stdout}`);
	return Number(rate);
}

async function fill(url: string): Promise<void> {
	const client = new pg.Client(url);
	await client.connect();
	await client.query(`
		CREATE TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer, filler char(88)) WITH (fillfactor = 100);
		CREATE TABLE pgbench_tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler char(84));
		CREATE TABLE pgbench_accounts (aid integer PRIMARY KEY, bid integer, abalance integer, filler char(84));
		CREATE TABLE pgbench_history
			(tid integer, bid integer, aid integer, delta integer, mtime timestamp, filler char(22));
		INSERT INTO pgbench_branches SELECT bid, 0, '' FROM generate_series(1, ${SCALE}) AS bid;
		INSERT INTO pgbench_tellers SELECT tid, (tid - 1) / ${TELLERS_PER_BRANCH} + 1, 0, ''
			FROM generate_series(1, ${SCALE * TELLERS_PER_BRANCH}) AS tid;
		INSERT INTO pgbench_accounts SELECT aid, (aid - 1) / ${ACCOUNTS_PER_BRANCH} + 1, 0, ''
			FROM generate_series(1, ${SCALE * ACCOUNTS_PER_BRANCH}) AS aid;
	`);
	await client.query("VACUUM ANALYZE");
	await client.end();
}

async function measureByDriver(url: string, clients: number, seconds: number): Promise<number> {
	const connections = await Promise.all(
		Array.from({ length: clients }, async () => {
			const client = new pg.Client(url);
			await client.connect();
			return client;
		}),
	);
	let done = 0;
	const startedAt = performance.now();
	const endAt = startedAt + seconds * 1_000;
	await Promise.all(
		connections.map(async (client) => {
			for (; performance.now() < endAt; done++) await transact(client);
		}),
	);
	const rate = (done / (performance.now() - startedAt)) * 1_000;
	await Promise.all(connections.map((client) => client.end()));
	return rate;
}

async function transact(client: pg.Client): Promise<void> {
	const [bid, tid] = [random(SCALE), random(SCALE * TELLERS_PER_BRANCH)];
	const [aid, delta] = [random(SCALE * ACCOUNTS_PER_BRANCH), random(2 * MAX_DELTA) - MAX_DELTA];
	const statement = (name: string, text: string, values: number[]) => client.query({ name, text, values });
	await client.query("BEGIN");
	await statement("a", "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2", [delta, aid]);
	await statement("r", "SELECT abalance FROM pgbench_accounts WHERE aid = $1", [aid]);
	await statement("t", "UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2", [delta, tid]);
	await statement("b", "UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2", [delta, bid]);
	await statement(
		"h",
		"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
		[tid, bid, aid, delta],
	);
	await client.query("END");
}

function random(most: number): number {
	return 1 + Math.floor(Math.random() * most);
}
