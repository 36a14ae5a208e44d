import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { createRequire } from "node:module";
import type net from "node:net";
import type { REPLServer, ReplOptions } from "node:repl";
import type { ServiceBroker } from "moleculer";
import { startRepl } from "./operator.ts";

/** The first line that a client sends: what its terminal is like. */
export interface ReplGreeting {
	readonly terminal?: boolean;
	readonly columns: number;
}

type Session = net.Socket & { columns?: number };

/** A greeting is some forty characters; whoever sends more is no client of ours. */
const MAX_GREETING_LENGTH = 1_000;

const require = createRequire(import.meta.url);
const printingFor = new AsyncLocalStorage<Session>();

/** Serves Moleculer's REPL on this process's own broker to whoever holds the other end of `socket`. */
export async function serveRepl(socket: Session, broker: ServiceBroker | null): Promise<void> {
	// A client that goes away in the middle of an answer is nobody's error.
	socket.on("error", () => socket.destroy());
	const greeting = await readGreeting(socket);
	if (!greeting) return void socket.destroy();
	if (!broker) return void socket.end("The instance is still starting: try again in a moment\n");
	socket.columns = greeting.columns;
	routeOutput();
	startSession(socket, broker, greeting.terminal ?? false);
}

async function readGreeting(socket: Session): Promise<ReplGreeting | null> {
	let received = "";
	while (!received.includes("\n") && received.length < MAX_GREETING_LENGTH) {
		const chunk = socket.read() as Buffer | null;
		if (chunk) received += chunk.toString();
		else if (socket.readableEnded || socket.destroyed) return null;
		else await Promise.race([once(socket, "readable"), once(socket, "close")]);
	}
	const end = received.indexOf("\n");
	socket.unshift(Buffer.from(received.slice(end + 1)));
	try {
		return JSON.parse(received.slice(0, end)) as ReplGreeting;
	} catch {
		return null;
	}
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
