import { ConnectionAcquireTimeoutError, ConnectionError, Sequelize } from "sequelize";
import { refuse } from "./refuse.ts";
import { type Bind, type Connection, type Statement, senderOn } from "./statements.ts";

export type { Bind } from "./statements.ts";

/** One database transaction; statements reach the database through it or not at all, in the order of the calls. */
export interface Tx {
	/**
	 * Gives the rows of `sql`; NUMERIC and BIGINT come as text, TIMESTAMPTZ as Date. Statements that need nothing of
	 * each other may be called together and awaited by `Promise.all`: they then share one round trip.
	 */
	query<Row extends object = Record<string, unknown>>(sql: string, bind?: readonly Bind[]): Promise<Row[]>;
	/**
	 * Sends a change whose result nobody needs: it shares the commit's round trip. When it fails, so does the
	 * transaction.
	 */
	execute(sql: string, bind?: readonly Bind[]): void;
	/** Runs `work` once the transaction has committed, and not at all when it has not. */
	afterCommit(work: () => void): void;
}

export interface Db {
	readonly sequelize: Sequelize;
	/** Runs `work` in one transaction, again from the start when it lost a race for locks. */
	transaction<T>(work: (tx: Tx) => T | Promise<T>): Promise<T>;
	/** One statement outside any transaction: for reads. */
	query<Row extends object = Record<string, unknown>>(sql: string, bind?: readonly Bind[]): Promise<Row[]>;
	close(): Promise<void>;
}

interface DriverError extends Error {
	readonly code?: string;
	readonly constraint?: string;
}

interface DbOptions {
	/** Shown by `pg_stat_activity`. */
	readonly applicationName: string;
	readonly poolSize: number;
	/** What every connection of the pool acts as, from its start; the user of the URL must be a member of it. */
	readonly role?: string;
	/** For a service, whose statements find a few rows by their keys, however large a table is or was when planned. */
	readonly byKeys?: boolean;
}

const STATEMENT_TIMEOUT_MS = 15_000;
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** A full pool answers 503 after this long, rather than let callers queue past their deadlines. */
const ACQUIRE_TIMEOUT_MS = 3_000;

/** "cached plan must not change result type": a migration has changed a table under a prepared statement. */
const OUTDATED_STATEMENT = "0A000";

/**
 * A prepared statement keeps its plan while a young table grows a thousandfold, so the planner may not choose what is
 * only good for a small one: reading all of it. Where there is no index to go by, it still does.
 */
const BY_KEYS = ["enable_seqscan=off", "enable_hashjoin=off", "enable_mergejoin=off", "jit=off"];

/** serialization_failure, deadlock_detected, lock_not_available: the transaction did nothing and may be run again. */
const RETRIED_STATES: ReadonlySet<string> = new Set(["40001", "40P01", "55P03", OUTDATED_STATEMENT]);

/** What a statement says that came behind the one that failed. */
const IN_FAILED_TRANSACTION = "25P02";
const MAX_ATTEMPTS = 5;

/** Each takes memory of each connection's server process; no service has nearly as many. */
const MAX_STATEMENTS = 500;

/** Why a connection may be refused for good: its role is not there, or the user is no member of it. */
const WRONG_ROLE: ReadonlySet<string> = new Set(["22023", "42501"]);

/** SQLSTATEs that mean the server cannot serve now: connection (08), resources (53), shut down or starting (57P). */
const UNAVAILABLE = /^(?:08|53|57P)/;
const SQL_STATE = /^[0-9A-Z]{5}$/;
const CONNECTION_CODES: ReadonlySet<string> = new Set([
	"ECONNRESET",
	"ECONNREFUSED",
	"EPIPE",
	"ETIMEDOUT",
	"EHOSTUNREACH",
]);

/** A pool on the database at `url`. Its errors are `SERVICE_UNAVAILABLE` when the server cannot be reached. */
export function openDb(url: string, options: DbOptions): Db {
	const sequelize = new Sequelize(url, {
		dialect: "postgres",
		logging: false,
		pool: { max: options.poolSize, min: 0, idle: 30_000, acquire: ACQUIRE_TIMEOUT_MS },
		dialectOptions: {
			application_name: options.applicationName,
			statement_timeout: STATEMENT_TIMEOUT_MS,
			lock_timeout: LOCK_TIMEOUT_MS,
			idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
			connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
			keepAlive: true,
			options: [...(options.byKeys ? BY_KEYS : []), ...(options.role ? [`role=${options.role}`] : [])]
				.map((setting) => `-c ${setting}`)
				.join(" "),
		},
	});

	const statements = statementNames();

	async function connected<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
		const pool = sequelize.connectionManager;
		const connection = (await pool.getConnection({ type: "write" })) as unknown as Connection;
		try {
			return await work(connection);
		} finally {
			// The pool looks at it before it hands it out again.
			pool.releaseConnection(connection);
		}
	}

	async function attempt<T>(work: () => Promise<T>): Promise<T> {
		for (let attempts = 1; ; attempts++) {
			try {
				return await work();
			} catch (error) {
				const state = sqlStateOf(error) ?? "";
				if (state === OUTDATED_STATEMENT) statements.renew();
				if (attempts >= MAX_ATTEMPTS || !RETRIED_STATES.has(state)) throw asUnavailable(error);
				await new Promise((done) => setTimeout(done, Math.random() * 10 * 2 ** attempts));
			}
		}
	}

	return {
		sequelize,
		transaction: (work) => attempt(() => connected((connection) => transact(connection, statements.of, work))),
		query: (sql, bind = []) =>
			attempt(() =>
				connected(async (connection) => (await senderOn(connection)(statements.of(sql, bind))).rows as never[]),
			),
		close: () => sequelize.close(),
	};
}

/** Statements by their texts; a text with values gets a name, so that the server parses and plans it once. */
function statementNames() {
	const names = new Map<string, string>();
	let generation = 0;
	return {
		of(text: string, values: readonly Bind[]): Statement {
			if (values.length === 0) return { text };
			const known = names.get(text);
			if (known === undefined && names.size >= MAX_STATEMENTS) return { text, values };
			const name = known ?? `s${generation}_${names.size}`;
			if (known === undefined) names.set(text, name);
			return { text, name, values };
		},
		/** What has been prepared is prepared again, under new names. */
		renew() {
			generation += 1;
			names.clear();
		},
	};
}

/**
 * One transaction on `connection`. BEGIN travels with its first statements, COMMIT with the last, and those that are
 * sent in one turn of the event loop go together.
 */
async function transact<T>(
	connection: Connection,
	statementOf: (sql: string, bind: readonly Bind[]) => Statement,
	work: (tx: Tx) => T | Promise<T>,
): Promise<T> {
	const committed: (() => void)[] = [];
	const sender = senderOn(connection);
	let open = true;
	let failure: unknown;
	const send = (statement: Statement) => {
		const sent = sender(statement);
		// The first error is the transaction's, whether or not somebody waits for that statement.
		sent.catch((error) => {
			if (failure === undefined || sqlStateOf(failure) === IN_FAILED_TRANSACTION) failure = error;
		});
		return sent;
	};
	const tx: Tx = {
		async query<Row extends object>(sql: string, bind: readonly Bind[] = []) {
			// The connection may already serve another transaction.
			if (!open) throw new Error("a statement came after the end of its transaction");
			return (await send(statementOf(sql, bind))).rows as Row[];
		},
		execute(sql, bind = []) {
			if (!open) throw new Error("a statement came after the end of its transaction");
			void send(statementOf(sql, bind));
		},
		afterCommit: (done) => void committed.push(done),
	};
	void send({ text: "BEGIN" });
	try {
		const result = await work(tx);
		open = false;
		const { command } = await send({ text: "COMMIT" });
		if (command !== "COMMIT") throw failure ?? new Error("the transaction was rolled back");
		for (const done of committed) done();
		return result;
	} catch (error) {
		open = false;
		await sender({ text: "ROLLBACK" }).catch(() => {}); // a connection that is gone has rolled back
		throw sqlStateOf(error) === IN_FAILED_TRANSACTION ? failure : error;
	}
}

/** The name of the constraint that `error` broke, or undefined. */
export function brokenConstraint(error: unknown): string | undefined {
	return driverError(error)?.constraint;
}

/** PostgreSQL's five characters such as `23505` for a duplicate key, or Node's `ECONNRESET` and its like. */
function sqlStateOf(error: unknown): string | undefined {
	return driverError(error)?.code;
}

/** The driver's error: as it is from a transaction, wrapped by Sequelize from elsewhere. */
function driverError(error: unknown): DriverError | undefined {
	const inner = error instanceof Error && "parent" in error ? error.parent : error;
	return inner instanceof Error && (SQL_STATE.test(String((inner as DriverError).code)) || isConnectionError(inner))
		? inner
		: undefined;
}

function asUnavailable(error: unknown): unknown {
	return isUnavailable(error) ? refuse("SERVICE_UNAVAILABLE", "The database cannot be reached") : error;
}

function isUnavailable(error: unknown): boolean {
	if (error instanceof ConnectionAcquireTimeoutError) return true;
	if (error instanceof ConnectionError) return !WRONG_ROLE.has(sqlStateOf(error) ?? "");
	const driver = driverError(error);
	return driver !== undefined && (isConnectionError(driver) || UNAVAILABLE.test(driver.code ?? ""));
}

/** The server always gives a state: an error without one is the connection's own, for which the driver has no class. */
function isConnectionError(error: DriverError): boolean {
	if (error.code !== undefined) return CONNECTION_CODES.has(error.code);
	return /^Connection terminated|not queryable|^Client was closed/.test(error.message);
}
