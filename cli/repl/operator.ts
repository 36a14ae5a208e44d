import { createRequire } from "node:module";
import type { REPLServer } from "node:repl";
import type { CallingOptions, ServiceBroker } from "moleculer";
import type { Meta, Principal } from "../../contracts/index.ts";
import type { ReplCommand } from "./command.ts";
import { eventsTail } from "./events-tail.ts";

/** Whoever reaches a node's inside could do anything anyhow: his calls are an admin's, unless he says otherwise. */
const OPERATOR: Principal = {
	user_id: "00000000-0000-0000-0000-000000000000",
	username: "operator",
	roles: ["admin"],
	session_id: "repl",
};

const PROMPT = "agt $";

const COMMANDS: readonly ReplCommand[] = [eventsTail];

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

function customCommand({ name, description, options, run }: ReplCommand): object {
	return {
		command: oneWord(name),
		description,
		options: options.map((option) => ({ ...option })),
		action: (broker: ServiceBroker, args: { readonly options: Readonly<Record<string, string>> }) =>
			run(broker, args.options).catch((error) => console.error(error instanceof Error ? error.message : error)),
	};
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
