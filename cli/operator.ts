import { createRequire } from "node:module";
import type { REPLServer } from "node:repl";
import type { CallingOptions, ServiceBroker } from "moleculer";
import type { Meta, Principal } from "../contracts/index.ts";

/** Whoever reaches a node's inside could do anything anyhow: his calls are an admin's, unless he says otherwise. */
const OPERATOR: Principal = {
	user_id: "00000000-0000-0000-0000-000000000000",
	username: "operator",
	roles: ["admin"],
	session_id: "repl",
};

const PROMPT = "agt $";

type StartMoleculerRepl = (broker: ServiceBroker, options: { readonly delimiter: string }) => REPLServer;

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
	return freshMoleculerRepl()(view, { delimiter: PROMPT });
}

/** The module keeps the commands of one broker, so each session loads it anew. */
function freshMoleculerRepl(): StartMoleculerRepl {
	const entry = require.resolve("moleculer-repl");
	const folder = entry.slice(0, entry.lastIndexOf("moleculer-repl") + "moleculer-repl".length);
	for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file];
	return require(entry) as StartMoleculerRepl;
}
