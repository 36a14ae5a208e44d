import { env } from "../lib/env.ts";
import { runCommand, usageError } from "./run.ts";

/** A node that takes longer to say that it is there is as good as gone. */
const TIMEOUT_MS = 3_000;

async function ask(port: number, path: string): Promise<Response> {
	const url = `http://127.0.0.1:${port}${path}`;
	try {
		return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
	} catch (error) {
		const { message, cause } = error as Error;
		throw usageError(`${url}: ${cause instanceof Error ? cause.message : message}`);
	}
}

/** Whether the gateway takes orders. */
async function isGatewayReady(port: number): Promise<boolean> {
	return (await ask(port, "/health/ready")).ok;
}

/** The metrics port answers from the very start of a process: what counts is what it says. */
async function hasNodeStarted(port: number): Promise<boolean> {
	return (await ask(port, "/started")).ok;
}

// Asked by containers: exits with 0 when the node beside it, of the same environment, serves.
await runCommand(async () => {
	const { services, port, metricsPort } = env();
	const isGateway = services.includes("api");
	if (!isGateway && metricsPort === null) throw usageError("Set METRICS_PORT: there is no other port to ask");
	const serves = isGateway ? await isGatewayReady(port) : await hasNodeStarted(metricsPort as number);
	if (!serves) throw usageError("not yet");
});
