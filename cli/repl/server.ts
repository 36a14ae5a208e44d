import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import type net from "node:net";
import type { REPLServer, ReplOptions } from "node:repl";
import type { ServiceBroker } from "moleculer";
import type { Greeting } from "../instance.ts";
import { startRepl } from "./operator.ts";

/** What the terminal of a client is like. */
export interface ReplGreeting extends Greeting {
	readonly terminal?: boolean;
	readonly columns: number;
}

type Session = net.Socket & { columns?: number };

const require = createRequire(import.meta.url);
const printingFor = new AsyncLocalStorage<Session>();

/** Serves Moleculer's REPL on this process's own broker to whoever holds the other end of `socket`. */
export function serveRepl(socket: Session, greeting: Greeting, broker: ServiceBroker | null): void {
	if (!broker) return void socket.end("The instance is still starting: try again in a moment\n");
	const { columns, terminal = false } = greeting as ReplGreeting;
	socket.columns = columns;
	routeOutput();
	startSession(socket, broker, terminal);
}

/**
 * Moleculer's REPL takes the process for its own: it reads the terminal, prints to it, and ends the process when the
 * user leaves. Here a session gets the socket for a terminal, and leaving it ends the session alone.
 */
function startSession(socket: Session, broker: ServiceBroker, terminal: boolean): void {
	const nodeRepl = require("node:repl") as { start(options: ReplOptions): REPLServer };
	const { start } = nodeRepl;
	nodeRepl.start = (options) => start({ ...options, input: socket, output: socket, terminal });
	// Lines of a script arrive at once, and each may need the one before it.
	let work = Promise.resolve();
	try {
		const server = startRepl(broker, async () => {
			const leaving = printingFor.getStore() === socket;
			if (!leaving) await work;
			socket.end();
			// It would end the process next.
			return new Promise<never>(() => {});
		});
		const evaluate = server.eval;
		// `eval` is read-only in the types alone.
		(server as { eval: typeof evaluate }).eval = function (command, context, file, done) {
			const run = () =>
				new Promise<void>((resolve) => {
					evaluate.call(this, command, context, file, (...answer) => {
						done(...answer);
						resolve();
					});
				});
			work = work.then(() => printingFor.run(socket, run));
		};
		socket.once("close", () => server.close());
	} finally {
		nodeRepl.start = start;
	}
}

let routed = false;

/** From now on what code prints on behalf of a session goes to that session. */
function routeOutput(): void {
	if (routed) return;
	routed = true;
	for (const stream of [process.stdout, process.stderr]) {
		const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
		stream.write = (...args: unknown[]) => {
			const session = printingFor.getStore();
			if (!session) return write(...args);
			return session.writable ? session.write(args[0] as string) : true;
		};
	}
}
