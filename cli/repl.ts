import os from "node:os";
import { ServiceBroker } from "moleculer";
import { type Env, env } from "../lib/env.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { connectToInstance } from "./instance.ts";
import { startRepl } from "./repl/operator.ts";
import type { ReplGreeting } from "./repl/server.ts";
import { runCommand, usageError } from "./run.ts";

const DEFAULT_COLUMNS = 80;

await runCommand(async () => {
	const settings = env();
	if (settings.transporter) await join(settings);
	else await attach(settings.dataDir);
});

/** A node of its own in the cluster, which leaves it with the user. */
async function join(settings: Env): Promise<void> {
	const nodeId = `repl-${os.hostname().replaceAll(/[^\w-]/g, "-")}-${process.pid}`;
	const broker = new ServiceBroker(brokerOptions({ ...settings, nodeId, logLevel: "warn", metricsPort: null }));
	await broker.start();
	startRepl(broker, () => broker.stop());
}

/** This terminal at the REPL that runs in the process of `npm start`. */
async function attach(dataDir: string): Promise<void> {
	const socket = await connectToInstance(dataDir);
	if (!socket) {
		throw usageError(
			`Nothing runs on ${dataDir}: start it with 'npm start', or set TRANSPORTER=nats://host:port to join a cluster`,
		);
	}
	const { stdin, stdout } = process;
	const greeting: ReplGreeting = { terminal: stdin.isTTY, columns: stdout.columns ?? DEFAULT_COLUMNS };
	socket.write(`${JSON.stringify(greeting)}\n`);
	if (stdin.isTTY) stdin.setRawMode(true);
	stdin.pipe(socket);
	socket.pipe(stdout, { end: false });
	await new Promise((resolve) => socket.once("close", resolve));
	if (stdin.isTTY) stdin.setRawMode(false);
	stdin.destroy();
}
