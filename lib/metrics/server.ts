import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { Registry } from "prom-client";
import { settingError } from "../env.ts";
import type { Metrics } from "./registry.ts";

interface Listening {
	readonly host: string;
	readonly port: number;
	/** Whether every service of the node has started, and none has begun to stop. */
	hasStarted(): boolean;
}

/**
 * Shows `metrics` under `/metrics`, and to probes whether the node lives (`/live`) and serves (`/started`, else 503):
 * some gauges count from one scrape to the next, and a probe must not take that from Prometheus. Rejects when it cannot
 * listen there. Gives a way to stop it.
 */
export async function serveMetrics(
	metrics: Metrics,
	{ host, port, hasStarted }: Listening,
): Promise<() => Promise<void>> {
	const server = createServer(({ method, url }, response) => {
		if (method !== "GET") response.writeHead(404).end();
		else if (url === "/metrics") void answer(metrics, response);
		else if (url === "/live") response.writeHead(200).end();
		else if (url === "/started") response.writeHead(hasStarted() ? 200 : 503).end();
		else response.writeHead(404).end();
	});
	server.listen(port, host);
	await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
		throw settingError(`METRICS_PORT=${port} on HOST=${host} cannot be listened on: ${error.code ?? error.message}`);
	});
	return async () => {
		const closed = once(server, "close");
		server.close();
		server.closeAllConnections();
		await closed;
	};
}

async function answer(metrics: Metrics, response: ServerResponse): Promise<void> {
	try {
		const text = await metrics.scrape();
		response.writeHead(200, { "Content-Type": Registry.PROMETHEUS_CONTENT_TYPE }).end(text);
	} catch {
		response.writeHead(500).end();
	}
}
