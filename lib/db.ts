import { ConnectionAcquireTimeoutError, ConnectionError, QueryTypes, Sequelize, type Transaction } from "sequelize";
import { refuse } from "./refuse.ts";

/** A value that a statement's `$1` can stand for; arrays go to PostgreSQL as arrays. */
export type Bind = string | number | boolean | null | Date | readonly (string | number | boolean | null)[];

/** One database transaction; statements reach the database through it or not at all. */
export interface Tx {
	/**
	 * Statements are sent in the order of the calls. Those that need nothing of each other may be called together and
	 * awaited by `Promise.all`: they then share one round trip. Gives the rows of `sql`; NUMERIC and BIGINT come as
	 * text, TIMESTAMPTZ as Date.
	 */
	query<Row extends object = Record<string, unknown>>(sql: string, bind?: readonly Bind[]): Promise<Row[]>;
	/** Runs `work` once the transaction has committed, and not at all when it has not. */
	afterCommit(work: () => void): void;
	/** For Sequelize's models. */
	readonly transaction: Transaction;
}

export interface Db {
	readonly sequelize: Sequelize;
	/** Runs `work` in one transaction, again from the start when it lost a race for locks. */
	transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
	/** One statement outside any transaction: for reads. */
	query<Row extends object = Record<string, unknown>>(sql: string, bind?: readonly Bind[]): Promise<Row[]>;
	close(): Promise<void>;
}

/** What the driver's connection has that we use; Sequelize's types leave it out. */
interface Connection {
	pipeline: boolean;
	query(sql: string, values?: readonly Bind[]): Promise<{ readonly rows: readonly object[] }>;
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
}

const STATEMENT_TIMEOUT_MS = 15_000;
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** A full pool answers 503 after this long, rather than let callers queue past their deadlines. */
const ACQUIRE_TIMEOUT_MS = 3_000;

/** serialization_failure, deadlock_detected, lock_not_available: the transaction did nothing and may be run again. */
const RETRIED_STATES: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
const MAX_ATTEMPTS = 5;

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
			...(options.role && { options: `-c role=${options.role}` }),
		},
	});

	sequelize.addHook("afterConnect", (connection) => {
		(connection as Connection).pipeline = true;
	});

	function transactOnce<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
		return sequelize.transaction((transaction) => {
			const { connection } = transaction as Transaction & { readonly connection: Connection };
			let open = true;
			const tx: Tx = {
				async query<Row extends object>(sql: string, bind: readonly Bind[] = []) {
					// The connection may already serve another transaction.
					if (!open) throw new Error("a statement came after the end of its transaction");
					// Straight to the driver, which sends statements in the order of these calls, waiting for none.
					const { rows } = await connection.query(sql, bind.length > 0 ? bind : undefined);
					return rows as Row[];
				},
				afterCommit: (done) => transaction.afterCommit(done),
				transaction,
			};
			return work(tx).finally(() => (open = false));
		});
	}

	return {
		sequelize,
		async transaction(work) {
			for (let attempt = 1; ; attempt++) {
				try {
					return await transactOnce(work);
				} catch (error) {
					if (attempt >= MAX_ATTEMPTS || !RETRIED_STATES.has(sqlStateOf(error) ?? "")) throw asUnavailable(error);
					await new Promise((done) => setTimeout(done, Math.random() * 10 * 2 ** attempt));
				}
			}
		},
		query: (sql, bind = []) =>
			sequelize
				.query<never>(sql, { type: QueryTypes.SELECT, ...(bind.length > 0 && { bind: [...bind] }) })
				.catch((error) => Promise.reject(asUnavailable(error))),
		close: () => sequelize.close(),
	};
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
