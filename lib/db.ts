import { setTimeout as delay } from "node:timers/promises";
import { Sequelize } from "sequelize";
import { asUnavailable, isAway, isLost, isRaced, OUTDATED_STATEMENT, sqlStateOf } from "./postgres/errors.ts";
import { driverEndingWhenSilent, limitSilence, type Silenceable } from "./postgres/silence.ts";
import { type Bind, type Connection, type Statement, senderOn } from "./postgres/statements.ts";

export { brokenConstraint } from "./postgres/errors.ts";
export type { Bind } from "./postgres/statements.ts";

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
	/** Lets each further statement of the transaction take so long, rather than 15 s; 0 is for ever. */
	setStatementTimeout(ms: number): void;
	/** Runs `work` once the transaction has committed, and not at all when it has not. */
	afterCommit(work: () => void): void;
}

export interface Db {
	readonly sequelize: Sequelize;
	/**
	 * Runs `work` in one transaction; again from the start when it lost a race for locks, and for a short while when the
	 * server is away or lacks room. `SERVICE_UNAVAILABLE` when it stays so, or when the answer to COMMIT is lost.
	 */
	transaction<T>(work: (tx: Tx) => T | Promise<T>): Promise<T>;
	/** One statement outside any transaction: for reads. */
	query<Row extends object = Record<string, unknown>>(sql: string, bind?: readonly Bind[]): Promise<Row[]>;
	close(): Promise<void>;
}

interface DbOptions {
	/** Shown by `pg_stat_activity`. */
	readonly applicationName: string;
	readonly poolSize: number;
	/** What every connection of the pool acts as, from its start; the user of the URL must be a member of it. */
	readonly role?: string;
	/** For a service, whose statements find a few rows by their keys, however large a table is or was when planned. */
	readonly byKeys?: boolean;
	/** How long the server may leave what it is asked without a sign, before it is taken for gone. */
	readonly answerWithinMs?: number;
}

const STATEMENT_TIMEOUT_MS = 15_000;
/** The server ends a statement by itself if it still can: so much later it is taken for gone. */
const SILENCE_BEYOND_MS = 5_000;
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** A full pool answers 503 after this long, rather than let callers queue past their deadlines. */
const ACQUIRE_TIMEOUT_MS = 3_000;

/**
 * A prepared statement keeps its plan while a young table grows a thousandfold, so the planner may not choose what is
 * only good for a small one: reading all of it. Where there is no index to go by, it still does.
 */
const BY_KEYS = ["enable_seqscan=off", "enable_hashjoin=off", "enable_mergejoin=off", "jit=off"];

/** What a statement says that came behind the one that failed. */
const IN_FAILED_TRANSACTION = "25P02";

/** What has lost a race is run so often. */
const MAX_RACES = 5;
const RACE_PAUSE_MS = 10;
/**
 * A server that is away is waited for so long: that of a fast restart or a fail-over of a connection. A batch may wait
 * as long for the one before it, and both together must leave room for an answer within 3 s.
 */
const AWAY_PATIENCE_MS = 1_300;
const FIRST_AWAY_PAUSE_MS = 50;
const MAX_AWAY_PAUSE_MS = 200;

/** Each takes memory of each connection's server process; no service has nearly as many. */
const MAX_STATEMENTS = 500;

/** A pool on the database at `url`. Its errors are `SERVICE_UNAVAILABLE` when the server cannot be reached. */
export function openDb(url: string, options: DbOptions): Db {
	const { answerWithinMs = STATEMENT_TIMEOUT_MS + SILENCE_BEYOND_MS } = options;
	const sequelize = new Sequelize(url, {
		dialect: "postgres",
		dialectModule: driverEndingWhenSilent(answerWithinMs),
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

	async function connected<T>(work: (connection: Connection & Silenceable) => Promise<T>): Promise<T> {
		const pool = sequelize.connectionManager;
		const connection = (await pool.getConnection({ type: "write" })) as unknown as Connection & Silenceable;
		try {
			return await work(connection);
		} finally {
			limitSilence(connection, answerWithinMs);
			// The pool looks at it before it hands it out again.
			pool.releaseConnection(connection);
		}
	}

	/** Runs `work` again, from the start, after errors that say that it has changed nothing. */
	async function attempt<T>(work: () => Promise<T>): Promise<T> {
		const awayUntil = performance.now() + AWAY_PATIENCE_MS;
		let races = 0;
		for (let pauseMs = FIRST_AWAY_PAUSE_MS; ; ) {
			try {
				return await work();
			} catch (error) {
				if (sqlStateOf(error) === OUTDATED_STATEMENT) statements.renew();
				if (isRaced(error)) {
					races += 1;
					if (races === MAX_RACES) throw error;
					await delay(Math.random() * RACE_PAUSE_MS * 2 ** races);
				} else {
					if (!isAway(error) || performance.now() + pauseMs > awayUntil) throw asUnavailable(error);
					await delay(pauseMs);
					pauseMs = Math.min(2 * pauseMs, MAX_AWAY_PAUSE_MS);
				}
			}
		}
	}

	return {
		sequelize,
		transaction: (work) => attempt(() => connected((connection) => transact(connection, statements.of, work))),
		query: (sql, bind = []) => attempt(() => connected((connection) => ask(connection, statements.of(sql, bind)))),
		close: () => sequelize.close(),
	};
}

/** One statement by itself, which may be a change that PostgreSQL has made although its answer is lost. */
async function ask<Row>(connection: Connection, statement: Statement): Promise<Row[]> {
	try {
		return (await senderOn(connection)(statement)).rows as Row[];
	} catch (error) {
		throw isLost(error) ? asUnavailable(error) : error;
	}
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
	connection: Connection & Silenceable,
	statementOf: (sql: string, bind: readonly Bind[]) => Statement,
	work: (tx: Tx) => T | Promise<T>,
): Promise<T> {
	const committed: (() => void)[] = [];
	const sender = senderOn(connection);
	let open = true;
	let committing = false;
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
		setStatementTimeout(ms) {
			tx.execute("SELECT set_config('statement_timeout', $1, true)", [String(ms)]);
			limitSilence(connection, ms === 0 ? 0 : ms + SILENCE_BEYOND_MS);
		},
		afterCommit: (done) => void committed.push(done),
	};
	void send({ text: "BEGIN" });
	try {
		const result = await work(tx);
		open = false;
		committing = true;
		const { command } = await send({ text: "COMMIT" });
		if (command !== "COMMIT") throw failure ?? new Error("the transaction was rolled back");
		for (const done of committed) done();
		return result;
	} catch (error) {
		open = false;
		await sender({ text: "ROLLBACK" }).catch(() => {}); // a connection that is gone has rolled back
		const cause = sqlStateOf(error) === IN_FAILED_TRANSACTION ? failure : error;
		// Nobody knows what has become of a commit whose answer is lost: it must not be run again as if it had failed.
		throw committing && isLost(cause) ? asUnavailable(cause) : cause;
	}
}
