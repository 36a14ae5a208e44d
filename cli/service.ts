import { env } from "../lib/env.ts";
import { createNode } from "./node.ts";
import { runCommand, usageError } from "./run.ts";

await runCommand(async () => {
	const { services, transporter } = env();
	if (!transporter)
		throw usageError("Set TRANSPORTER=nats://host:port to join a cluster, or run 'npm start' without one");
	const broker = await createNode(services);

	let stopping: Promise<void> | undefined;
	const stop = () => {
		stopping ??= broker.stop().then(() => process.exit());
		return stopping;
	};
	for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop());
	try {
		await broker.start();
	} catch (error) {
		// What could not start must not linger: whoever runs the node starts it again.
		broker.logger.fatal("The node could not start", error);
		process.exitCode = 1;
		await stop();
	}
});

// What has been started by then would keep a node alive that serves nothing.
if (process.exitCode) process.exit();
