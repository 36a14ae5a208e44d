import { type Bind, writeBind, writeClose, writeDescribe, writeExecute, writeParse, writeSync } from "./messages.ts";
import { openOutput } from "./output.ts";

export type { Bind } from "./messages.ts";

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
	/** How values of the server become ours; the driver's types leave it out. */
	readonly _types: { getTypeParser(oid: number, form: "text"): Parser };
}

type Parser = (text: string) => unknown;

/** The driver's own end of a connection, which its types leave out. */
interface Wire {
	readonly stream: { readonly writable: boolean; write(bytes: Buffer): void };
}

/** What the driver calls of a query of our own. */
interface DriverQuery {
	submit(wire: Wire): Error | null;
	handleRowDescription(message: { readonly fields: readonly Field[] }): void;
	handleDataRow(message: { readonly fields: readonly (string | null)[] }): void;
	handleCommandComplete(message: { readonly text: string }): void;
	handleEmptyQuery(): void;
	handleError(error: unknown): void;
	handleReadyForQuery(): void;
	callback(error: unknown): void;
}

interface Field {
	readonly name: string;
	readonly dataTypeID: number;
}

/** What the rows of a statement look like; each begins as a copy of `empty`, which is faster than adding its names. */
interface Shape {
	readonly names: readonly string[];
	readonly parsers: readonly Parser[];
	readonly empty: Readonly<Record<string, null>>;
}

const NO_COLUMNS: Shape = { names: [], parsers: [], empty: {} };

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

/** What the server end of a connection has prepared. */
interface Prepared {
	/** What the rows of statements look like, by their names. */
	readonly shapes: Map<string, Shape>;
	/** Names of which a failed group does not tell whether the server knows them: they are made anew. */
	readonly doubtful: Set<string>;
}

const preparedOn = new WeakMap<Connection, Prepared>();

function preparedBy(connection: Connection): Prepared {
	const known = preparedOn.get(connection) ?? { shapes: new Map(), doubtful: new Set() };
	preparedOn.set(connection, known);
	return known;
}

/**
 * Sends `statements` as one message and gives what came of each; the first that fails ends the group, and rejects it.
 * The driver by itself lets the server answer each statement in a packet of its own, and waking up for a packet costs
 * both sides more than most statements; and it describes each answer anew.
 */
function sendGroup(connection: Connection, statements: readonly Statement[]): Promise<readonly Outcome[]> {
	return new Promise((resolve, reject) => {
		const prepared = preparedBy(connection);
		const outcomes: Outcome[] = [];
		let rows: object[] = [];
		let described: Shape | undefined;
		let unsure: readonly string[] = [];
		const current = () => statements[outcomes.length] as Statement;
		const shape = () => (described ??= prepared.shapes.get(current().name ?? "") ?? NO_COLUMNS);
		const done = (command: string): void => {
			const { name } = current();
			if (name !== undefined) {
				prepared.shapes.set(name, shape());
				prepared.doubtful.delete(name);
			}
			outcomes.push({ command, rows });
			rows = [];
			described = undefined;
		};
		const fail = (error: unknown): void => {
			for (const name of unsure) if (!prepared.shapes.has(name)) prepared.doubtful.add(name);
			reject(error);
		};
		connection.query({
			submit({ stream }) {
				try {
					unsure = write(prepared, statements);
				} catch (error) {
					output.cut(0);
					return error as Error;
				}
				const bytes = output.take();
				// The driver tells by itself of a connection that has ended.
				if (stream.writable) stream.write(bytes);
				return null;
			},
			handleRowDescription({ fields }) {
				described = shapeOf(connection, fields);
			},
			handleDataRow: ({ fields }) => void rows.push(rowOf(shape(), fields)),
			handleCommandComplete: ({ text }) => done(text.split(" ", 1)[0] as string),
			handleEmptyQuery: () => done(""),
			handleError: fail,
			handleReadyForQuery: () => resolve(outcomes),
			callback: fail,
		});
	});
}

const output = openOutput();

/** Writes the messages of a group; gives the names that it has the server parse. */
function write({ shapes, doubtful }: Prepared, statements: readonly Statement[]): readonly string[] {
	const parsed = new Set<string>();
	for (const { text, name = "", values = [] } of statements) {
		const known = shapes.has(name);
		if (!known && !parsed.has(name)) {
			if (doubtful.has(name)) writeClose(output, name);
			writeParse(output, name, text);
			if (name !== "") parsed.add(name);
		}
		writeBind(output, name, text, values);
		if (!known) writeDescribe(output);
		writeExecute(output);
	}
	writeSync(output);
	return [...parsed];
}

function shapeOf({ _types }: Connection, fields: readonly Field[]): Shape {
	return {
		names: fields.map(({ name }) => name),
		parsers: fields.map(({ dataTypeID }) => _types.getTypeParser(dataTypeID, "text")),
		empty: Object.fromEntries(fields.map(({ name }) => [name, null])),
	};
}

function rowOf({ names, parsers, empty }: Shape, texts: readonly (string | null)[]): object {
	const row: Record<string, unknown> = { ...empty };
	for (let i = 0; i < texts.length; i++) {
		const text = texts[i];
		if (text !== null && text !== undefined) row[names[i] as string] = parsers[i]?.(text);
	}
	return row;
}
