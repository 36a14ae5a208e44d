import type { Db, Tx } from "../../../lib/db.ts";

/** A database as it is at one moment, however long it is looked at. */
export interface Snapshot {
	/** The rows of `sql`, a page at a time. */
	rows<Row extends object>(sql: string): AsyncGenerator<Row>;
	/** The rows of `sql`, which are few, all at once. */
	few<Row extends object>(sql: string, bind?: Parameters<Tx["query"]>[1]): Promise<Row[]>;
}

const PAGE = 2_000;
/** Whatever is sorted is sorted before the first row comes. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;

/** Does `work` on a snapshot of `db`, which goes on meanwhile. */
export function withSnapshot<T>(db: Db, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		tx.setStatementTimeout(STATEMENT_TIMEOUT_MS);
		// While another cursor sorts, this one rests.
		await tx.query("SET LOCAL idle_in_transaction_session_timeout = 0");
		// Every row is wanted, not the first ones soon.
		await tx.query("SET LOCAL cursor_tuple_fraction = 1");
		let cursors = 0;
		return work({
			rows: <Row extends object>(sql: string) => fetched<Row>(tx, `rows_${++cursors}`, sql),
			few: (sql, bind) => tx.query(sql, bind),
		});
	});
}

async function* fetched<Row extends object>(tx: Tx, cursor: string, sql: string): AsyncGenerator<Row> {
	await tx.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`);
	for (;;) {
		const rows = await tx.query<Row>(`FETCH ${PAGE} FROM ${cursor}`);
		yield* rows;
		if (rows.length < PAGE) break;
	}
	await tx.query(`CLOSE ${cursor}`);
}
