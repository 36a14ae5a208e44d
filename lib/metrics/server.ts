import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { Registry } from "prom-client";
import { settingError } from "../env.ts";
import type { Metrics } from "./registry.ts";

/** Shows `metrics` under `/metrics`; rejects when it cannot listen there. Gives a way to stop it. */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<() => Promise<void>> {
	const server = createServer((request, response) => {
		if (request.method !== "GET" || request.url !== "/metrics") response.writeHead(404).end();
		else void answer(metrics, response);
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
