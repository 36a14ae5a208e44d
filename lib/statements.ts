import pg from "pg";

/** A value that a statement's `$1` can stand for; arrays go to PostgreSQL as arrays. */
export type Bind = string | number | boolean | null | Date | readonly (string | number | boolean | null)[];

/** What the server is asked; one with a name is parsed and planned once per connection. */
export interface Statement {
	readonly text: string;
	readonly name?: string;
	readonly values?: readonly Bind[];
}

/** What came of a statement: its command, such as `COMMIT`, and its rows. */
export interface Outcome {
	readonly command: string;
	readonly rows: readonly object[];
}

/** A connection of the driver, as far as statements need it. */
export interface Connection {
	query(statement: Statement | DriverQuery): unknown;
	/** How values of the server become ours. */
	readonly _types: unknown;
}

/** The messages of a connection; the driver's types leave them out. */
interface Wire {
	readonly stream: { cork(): void; uncork(): void };
	readonly parsedStatements: Record<string, string | undefined>;
	parse(message: { readonly text: string; readonly name: string }): void;
	bind(message: { readonly statement: string; readonly values: readonly unknown[]; valueMapper: unknown }): void;
	describe(message: { readonly type: "P"; readonly name: "" }): void;
	execute(message: { readonly portal: "" }): void;
	close(message: { readonly type: "S"; readonly name: string }): void;
	sync(): void;
}

/** What the driver calls of a query of our own. */
interface DriverQuery {
	submit(wire: Wire): null;
	handleRowDescription(message: { readonly fields: unknown[] }): void;
	handleDataRow(message: { readonly fields: unknown[] }): void;
	handleCommandComplete(message: object): void;
	handleEmptyQuery(): void;
	handleError(error: unknown): void;
	handleReadyForQuery(): void;
	callback(error: unknown): void;
}

type MutableResult = Outcome & {
	addFields(fields: unknown[]): void;
	parseRow(fields: unknown[]): object;
	addRow(row: object): void;
	addCommandComplete(message: object): void;
};
const { Result, utils } = pg as unknown as {
	readonly Result: new (rowMode: undefined, types: unknown) => MutableResult;
	readonly utils: { readonly prepareValue: unknown };
};

interface Waiting {
	readonly statement: Statement;
	resolve(outcome: Outcome): void;
	reject(error: unknown): void;
}

/** Several commands in one text, as migrations have them, are no statement that could be prepared. */
const SEVERAL = /;\s*\S/;

/** Sends statements in the order of the calls; those of one turn of the event loop share a message. */
export function senderOn(connection: Connection): (statement: Statement) => Promise<Outcome> {
	let waiting: Waiting[] = [];

	function sendWaiting(): void {
		const taken = waiting;
		waiting = [];
		for (let start = 0, end = 0; start < taken.length; start = end) {
			const alone = SEVERAL.test((taken[end++] as Waiting).statement.text);
			while (!alone && end < taken.length && !SEVERAL.test((taken[end] as Waiting).statement.text)) end++;
			const run = taken.slice(start, end);
			const sent = alone ? sendText(connection, run[0] as Waiting) : sendGroup(connection, run.map(statementIn));
			sent.then(
				(outcomes) => run.forEach(({ resolve }, i) => resolve(outcomes[i] as Outcome)),
				(error) => run.forEach(({ reject }) => reject(error)),
			);
		}
	}

	return (statement) =>
		new Promise((resolve, reject) => {
			if (waiting.length === 0) process.nextTick(sendWaiting);
			waiting.push({ statement, resolve, reject });
		});
}

function statementIn({ statement }: Waiting): Statement {
	return statement;
}

async function sendText(connection: Connection, { statement }: Waiting): Promise<readonly Outcome[]> {
	const outcome = (await connection.query(statement)) as Outcome | readonly Outcome[];
	return [outcome].flat().slice(-1);
}

/** Names of which a failed group does not tell whether the server knows them: they are made anew. */
const doubtful = new WeakMap<Wire, Set<string>>();

/**
 * Sends `statements` as one message and gives what came of each; the first that fails ends the group, and rejects it.
 * The driver by itself lets the server answer each statement in a packet of its own, and waking up for a packet costs
 * both sides more than most statements.
 */
function sendGroup(connection: Connection, statements: readonly Statement[]): Promise<readonly Outcome[]> {
	return new Promise((resolve, reject) => {
		const outcomes: MutableResult[] = [];
		let wire: Wire;
		let unsure: string[] = [];
		let current = new Result(undefined, connection._types);
		const done = (): void => {
			outcomes.push(current);
			const { name, text } = statements[outcomes.length - 1] as Statement;
			if (name !== undefined) wire.parsedStatements[name] = text;
			current = new Result(undefined, connection._types);
		};
		const fail = (error: unknown): void => {
			const names = doubtful.get(wire) ?? new Set();
			for (const name of unsure) if (wire.parsedStatements[name] === undefined) names.add(name);
			if (wire) doubtful.set(wire, names);
			reject(error);
		};
		connection.query({
			submit(on) {
				wire = on;
				unsure = write(on, statements);
				return null;
			},
			handleRowDescription: ({ fields }) => current.addFields(fields),
			handleDataRow: ({ fields }) => current.addRow(current.parseRow(fields)),
			handleCommandComplete(message) {
				current.addCommandComplete(message);
				done();
			},
			handleEmptyQuery: done,
			handleError: fail,
			handleReadyForQuery: () => resolve(outcomes),
			callback: fail,
		});
	});
}

/** Writes the messages of a group; gives the names that it has the server parse. */
function write(wire: Wire, statements: readonly Statement[]): string[] {
	const parsed = new Set<string>();
	wire.stream.cork();
	try {
		for (const { text, name = "", values = [] } of statements) {
			if (name === "" || (wire.parsedStatements[name] === undefined && !parsed.has(name))) {
				if (doubtful.get(wire)?.delete(name)) wire.close({ type: "S", name });
				wire.parse({ text, name });
				if (name !== "") parsed.add(name);
			}
			wire.bind({ statement: name, values, valueMapper: utils.prepareValue });
			wire.describe({ type: "P", name: "" });
			wire.execute({ portal: "" });
		}
	} finally {
		wire.sync();
		wire.stream.uncork();
	}
	return [...parsed];
}
