import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { environmentWith } from "../env.ts";
import { type Account, canEnter, runAs, serverAccount } from "./account.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { type KeptStatus, keepRunning } from "./keeper.ts";

const run = promisify(execFile);

const HOST = "127.0.0.1";
const SUPERUSER = "postgres";

/** What root keeps here, because the server's own user may not enter the folders of root. */
const SHARED_FOLDER = "/var/lib/autogrowthtrading";

/** Replaying the log after a hard stop takes its time; a start that takes longer than this is stuck. */
const START_TIMEOUT_S = 60;
const STOP_TIMEOUT_S = 30;

/** So much of the server's log goes into the error when it does not start. */
const LOG_TAIL_LINES = 8;

/** glibc's malloc keeps some of what a statement gave back, instead of asking the system for it each time. */
const ALLOCATOR = { MALLOC_TOP_PAD_: String(2 ** 20), MALLOC_TRIM_THRESHOLD_: String(2 ** 23) };

interface ServerOptions {
	/** Where it keeps its data, its password and its log. Made when missing. */
	readonly home: string;
	/** Taken when it is free; else any other. */
	readonly port: number;
	readonly maxConnections: number;
	/** False for databases that a crash may take: tests. */
	readonly durable: boolean;
	/** Has it started again, at the same port, whenever it ends before it is stopped; told of that. */
	readonly keep?: (lines: string) => void;
}

/** A running PostgreSQL server. */
export interface PostgresServer {
	readonly port: number;
	/** The superuser's URL of `database`. */
	url(database: string): string;
	readonly logFile: string;
	/** What has become of it; null when nobody looks after it. */
	status(): KeptStatus | null;
	stop(): Promise<void>;
}

interface Installation extends Binaries {
	readonly account: Account;
	readonly home: string;
	readonly data: string;
}

/**
 * Starts a PostgreSQL server of our own that only this machine can reach. It runs in a session of its own, so that
 * Ctrl-C reaches us and not the server; one that a killed process left behind is stopped first.
 */
export async function startPostgres(options: ServerOptions): Promise<PostgresServer> {
	const installation = await install(options.home);
	const password = await initialize(installation);
	await stopLeftover(installation);
	const port = await freePort(options.port);
	await start(installation, port, options);
	const restart = async () => {
		await dropStalePid(installation);
		await start(installation, port, options);
	};
	const pid = () => serverPid(installation);
	const charge = { pid, start: restart, lastWords: () => logTail(logFile(installation)) };
	const keeper = options.keep && keepRunning(charge, await pid(), options.keep);
	return {
		port,
		url: (database) => `postgres://${SUPERUSER}:${password}@${HOST}:${port}/${database}`,
		logFile: logFile(installation),
		status: () => keeper?.status() ?? null,
		async stop() {
			await keeper?.stop();
			if (await isRunning(installation)) await stop(installation);
		},
	};
}

/** Stops the server in `home` when one runs there, and removes all of it. */
export async function removePostgres(home: string): Promise<void> {
	if (!existsSync(home)) return;
	const installation = await install(home);
	if (await isRunning(installation)) await stop(installation, "immediate");
	await rm(await realpath(home), { recursive: true, force: true });
	await rm(home, { recursive: true, force: true });
}

async function install(place: string): Promise<Installation> {
	const account = serverAccount(path.join(place, "data"));
	const parent = path.dirname(place);
	await mkdir(parent, { recursive: true });
	if (!existsSync(place)) await makeHome(place, account);
	const home = await realpath(place);
	const binaries = await findBinaries(account, account ? SHARED_FOLDER : parent);
	return { ...binaries, account, home, data: path.join(home, "data") };
}

/** Leaves a symbolic link at `place` to a folder elsewhere when the server's user may not enter the way to it. */
async function makeHome(place: string, account: Account): Promise<void> {
	const reachable = canEnter(account, path.dirname(place));
	const id = createHash("sha256").update(place).digest("hex").slice(0, 16);
	const folder = reachable ? place : path.join(SHARED_FOLDER, id);
	await mkdir(path.dirname(folder), { recursive: true });
	// Whoever removed the link has removed his data, and expects to find none.
	if (!reachable) await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true, mode: 0o700 });
	if (account) await chown(folder, account.uid, account.gid);
	if (!reachable) await symlink(folder, place);
}

/** Makes the data folder unless it is there; gives the superuser's password. */
async function initialize({ account, home, data, initdb }: Installation): Promise<string> {
	const passwordFile = path.join(home, "password");
	if (existsSync(data)) return (await readFile(passwordFile, "utf8")).trim();

	const password = randomBytes(24).toString("hex");
	const unfinished = path.join(home, "data.unfinished");
	await rm(unfinished, { recursive: true, force: true });
	await writeFile(passwordFile, password, { mode: 0o600 });
	if (account) await chown(passwordFile, account.uid, account.gid);
	await run(
		initdb,
		[
			`--pgdata=${unfinished}`,
			`--username=${SUPERUSER}`,
			`--pwfile=${passwordFile}`,
			"--auth=scram-sha-256",
			"--encoding=UTF8",
			// The same order and case rules on every machine, whatever locales it has.
			"--locale=C",
			"--locale-provider=builtin",
			"--builtin-locale=C.UTF-8",
		],
		runAs(account),
	);
	await rename(unfinished, data);
	return password;
}

async function start(installation: Installation, port: number, options: ServerOptions): Promise<void> {
	const { account, data, pgCtl } = installation;
	const log = logFile(installation);
	if (existsSync(log)) await rename(log, `${log}.1`);
	const parameters = Object.entries(parametersFor(port, options)).map(([name, value]) => `-c ${name}=${value}`);
	const args = ["start", "-D", data, "-w", "-t", String(START_TIMEOUT_S), "-l", log, "-o", parameters.join(" ")];
	try {
		await run(pgCtl, args, { ...runAs(account), env: environmentWith(ALLOCATOR) });
	} catch (error) {
		throw new Error(`PostgreSQL did not start (${log}):\n${await logTail(log)}`, { cause: error });
	}
}

function logFile({ home }: Installation): string {
	return path.join(home, "postgres.log");
}

async function logTail(log: string): Promise<string> {
	// Whoever tells of a server in trouble must not come to grief over its log.
	const text = await readFile(log, "utf8").catch(() => "");
	return text.trim().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}

function parametersFor(port: number, { maxConnections, durable }: ServerOptions): Record<string, string | number> {
	const durability = durable ? "on" : "off";
	return {
		listen_addresses: HOST,
		unix_socket_directories: "''",
		port,
		max_connections: maxConnections,
		fsync: durability,
		synchronous_commit: durability,
		full_page_writes: durability,
		// There is no standby, so the log only has to serve crash recovery.
		wal_level: "minimal",
		max_wal_senders: 0,
		// The default of 128 MB has backends write pages of a growing database out themselves.
		shared_buffers: "256MB",
		// Compiling pays for reports; ours are short statements.
		jit: "off",
	};
}

async function stop({ account, data, pgCtl }: Installation, mode = "fast"): Promise<void> {
	await run(pgCtl, ["stop", "-D", data, "-w", "-t", String(STOP_TIMEOUT_S), "-m", mode], runAs(account));
}

/** Its connections belong to a process that is no more, and its settings may be old ones. */
async function stopLeftover(installation: Installation): Promise<void> {
	if (await isRunning(installation)) await stop(installation);
}

async function isRunning(installation: Installation): Promise<boolean> {
	const { account, data, pgCtl } = installation;
	if (await dropStalePid(installation)) return false;
	return run(pgCtl, ["status", "-D", data], runAs(account)).then(
		() => true,
		() => false,
	);
}

/** Removes what a server that is no more has left in its place; false when there is a server. */
async function dropStalePid(installation: Installation): Promise<boolean> {
	if ((await serverPid(installation)) !== null) return false;
	await rm(pidFile(installation), { force: true });
	return true;
}

/** The server's process; null when there is none. */
async function serverPid(installation: Installation): Promise<number | null> {
	if (!existsSync(pidFile(installation))) return null;
	const pid = Number.parseInt(await readFile(pidFile(installation), "utf8"), 10);
	// After a crash of the machine the number may be that of any other program, which PostgreSQL would wait for; so
	// it would for a server that was killed and that nobody has asked how it ended: a zombie.
	if (!existsSync("/proc/self")) return isThere(pid) ? pid : null;
	const statFile = `/proc/${pid}/stat`;
	const stat = existsSync(statFile) ? await readFile(statFile, "utf8") : "";
	return /\(postgres\) [^ZX]/.test(stat) ? pid : null;
}

function isThere(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}

function pidFile({ data }: Installation): string {
	return path.join(data, "postmaster.pid");
}

async function freePort(preferred: number): Promise<number> {
	return (await tryPort(preferred)) ?? (await tryPort(0)) ?? Promise.reject(new Error("There is no free port"));
}

function tryPort(port: number): Promise<number | undefined> {
	return new Promise((resolve) => {
		const server = net.createServer();
		server.once("error", () => resolve(undefined));
		server.listen(port, HOST, () => {
			const address = server.address() as net.AddressInfo;
			server.close(() => resolve(address.port));
		});
	});
}
