import { createRequire } from "node:module";
import type { REPLServer } from "node:repl";
import { type CallingOptions, Errors, type ServiceBroker } from "moleculer";
import type { Meta, Principal } from "../../contracts/index.ts";
import type { FieldError } from "../../lib/refuse.ts";
import type { Given, ReplCommand } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";

/** Whoever reaches a node's inside could do anything anyhow: his calls are an admin's, unless he says otherwise. */
const OPERATOR: Principal = {
	user_id: "00000000-0000-0000-0000-000000000000",
	username: "operator",
	roles: ["admin"],
	session_id: "repl",
};

const PROMPT = "agt $";

interface MoleculerReplOptions {
	readonly delimiter: string;
	readonly customCommands: readonly object[];
}
type StartMoleculerRepl = (broker: ServiceBroker, options: MoleculerReplOptions) => REPLServer;

const require = createRequire(import.meta.url);

/** Starts Moleculer's REPL with an operator's calls; `stop` is what leaving it does before the process would end. */
export function startRepl(broker: ServiceBroker, stop: () => Promise<void>): REPLServer {
	const view = Object.create(broker, {
		call: {
			value: (action: string, params: unknown, options: CallingOptions = {}) => {
				const meta: Meta = { user: OPERATOR, ...options.meta };
				return broker.call(action, params, { ...options, meta });
			},
		},
		stop: { value: stop },
	}) as ServiceBroker;
	const server = freshMoleculerRepl()(view, { delimiter: PROMPT, customCommands: COMMANDS.map(customCommand) });
	allowTwoWords(server);
	return server;
}

/** What Moleculer's REPL gives a command: its arguments by name, beside its options. */
type Parsed = { readonly options: Given; readonly rawCommand: string } & Readonly<Record<string, unknown>>;

function customCommand({ name, args, description, options, run }: ReplCommand): object {
	return {
		command: args ? `${oneWord(name)} ${args}` : oneWord(name),
		description,
		options: options.map((option) => ({ ...option })),
		async action(broker: ServiceBroker, { options: given, rawCommand: _, ...positional }: Parsed) {
			try {
				await run(broker, { ...given, ...(positional as Given) });
			} catch (error) {
				console.error(whatToTell(error));
			}
		},
	};
}

/** An error's message, and of a request that was wrong what is wrong with it. */
function whatToTell(error: unknown): string {
	if (!(error instanceof Errors.MoleculerError)) return error instanceof Error ? error.message : String(error);
	// Ours tell of fields in `errors`, those of Moleculer's validator are such a list.
	const data: unknown = error.data;
	const fields = Array.isArray(data) ? data : (data as { readonly errors?: unknown } | null | undefined)?.errors;
	const wrong = Array.isArray(fields) ? (fields as readonly FieldError[]) : [];
	return [`${error.type}: ${error.message}`, ...wrong.map(({ message }) => `  ${message}`)].join("\n");
}

/** Moleculer's REPL looks a command up by its first word alone, which may be one of its own as well. */
function allowTwoWords(server: REPLServer): void {
	const evaluate = server.eval;
	const two = COMMANDS.map(({ name }) => name).filter((name) => name.includes(" "));
	// `eval` is read-only in the types alone.
	(server as { eval: typeof evaluate }).eval = function (line, ...rest) {
		const name = two.find((candidate) => `${line.trim()} `.startsWith(`${candidate} `));
		return evaluate.call(this, name ? line.trim().replace(name, oneWord(name)) : line, ...rest);
	};
}

function oneWord(name: string): string {
	return name.replace(" ", "-");
}

/** The module keeps the commands of one broker, so each session loads it anew. */
function freshMoleculerRepl(): StartMoleculerRepl {
	const entry = require.resolve("moleculer-repl");
	const folder = entry.slice(0, entry.lastIndexOf("moleculer-repl") + "moleculer-repl".length);
	for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file];
	return require(entry) as StartMoleculerRepl;
}
