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
	};
	process.on("SIGTERM", stop);
	process.on("SIGINT", stop);
	// Who started us over a channel and is gone cannot stop us any more. Nor does it read what we print.
	process.on("disconnect", stop);
	await broker.start();
	process.send?.("ready");
});

// What has been started by then would keep a node alive that serves nothing.
if (process.exitCode) process.exit();
