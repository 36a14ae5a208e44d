import {
	ConnectionAcquireTimeoutError,
	ConnectionError,
	DatabaseError,
	QueryTypes,
	Sequelize,
	type Transaction,
} from "sequelize";
import { refuse } from "./refuse.ts";

/** A value that a statement's `$1` can stand for; arrays go to PostgreSQL as arrays. */
export type Bind = string | number | boolean | null | Date | readonly (string | number | boolean | null)[];

/** One database transaction; statements reach the database through it or not at all. */
export interface Tx {
	/** The rows that `sql` gives; NUMERIC and BIGINT come as text, TIMESTAMPTZ as Date. */
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

interface DbOptions {
	/** Shown by `pg_stat_activity`. */
	readonly applicationName: string;
	readonly poolSize: number;
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

/** SQLSTATEs that mean the server cannot serve now: connection (08), resources (53), shut down or starting (57P). */
const UNAVAILABLE = /^(?:08|53|57P)/;

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
		},
	});

	function run<Row extends object>(sql: string, bind: readonly Bind[], transaction?: Transaction): Promise<Row[]> {
		return sequelize.query<Row>(sql, {
			type: QueryTypes.SELECT,
			// Without values Sequelize leaves the text as it is: a function's body may have dollar quotes.
			...(bind.length > 0 && { bind: [...bind] }),
			...(transaction && { transaction }),
		});
	}

	function transactOnce<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
		return sequelize.transaction((transaction) =>
			work({
				query: (sql, bind = []) => run(sql, bind, transaction),
				afterCommit: (done) => transaction.afterCommit(done),
				transaction,
			}),
		);
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
		query: (sql, bind = []) => run<never>(sql, bind).catch((error) => Promise.reject(asUnavailable(error))),
		close: () => sequelize.close(),
	};
}

/** The name of the constraint that `error` broke, or undefined. */
export function brokenConstraint(error: unknown): string | undefined {
	return hasParent(error) ? (error.parent as { constraint?: string }).constraint : undefined;
}

/** PostgreSQL's five characters such as `23505` for a duplicate key, or Node's `ECONNRESET` and its like. */
function sqlStateOf(error: unknown): string | undefined {
	return hasParent(error) ? (error.parent as { code?: string }).code : undefined;
}

function hasParent(error: unknown): error is { parent: Error } {
	return error instanceof Error && "parent" in error && error.parent instanceof Error;
}

function asUnavailable(error: unknown): unknown {
	return isUnavailable(error) ? refuse("SERVICE_UNAVAILABLE", "The database cannot be reached") : error;
}

function isUnavailable(error: unknown): boolean {
	if (error instanceof ConnectionError || error instanceof ConnectionAcquireTimeoutError) return true;
	if (!(error instanceof DatabaseError)) return false;
	const state = sqlStateOf(error);
	// The server always gives a state: an error without one is the connection's own.
	return state === undefined || UNAVAILABLE.test(state) || /^E[A-Z]+$/.test(state);
}
