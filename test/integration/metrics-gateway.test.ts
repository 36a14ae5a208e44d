import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { Errors } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { isSettingError } from "../../lib/env.ts";
import { refuse } from "../../lib/refuse.ts";
import { type Scrape, showMetrics } from "../support/metrics.ts";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

let metrics: Scrape & { undo(): void };
let api: StubApi;
const arrived = Promise.withResolvers<void>();
const never = Promise.withResolvers<void>();
beforeAll(async () => {
	metrics = await showMetrics();
	const full = { action: "data.instruments", nodeID: "n", service: "data" } as never;
	api = await startStubApi({
		data: {
			instruments: { auth: "public", handler: () => Promise.reject(new Errors.QueueIsFullError(full)) },
			instrument: { auth: "public", handler: () => Promise.reject(refuse("CAPACITY_EXCEEDED")) },
			book: {
				auth: "public",
				handler() {
					arrived.resolve();
					return never.promise;
				},
			},
		},
	});
});
afterAll(async () => {
	never.resolve();
	await api.stop();
	metrics.undo();
});

test("what is turned away is counted by the limit that it met", async () => {
	expect((await api.send("GET /api/data/instruments")).status).toBe(503);
	expect((await api.send("GET /api/data/instruments/BTC-USD")).status).toBe(503);
	expect(await metrics.value("rate_limit_hits_total", { limit: "bulkhead" })).toBe(1);
	expect(await metrics.value("rate_limit_hits_total", { limit: "capacity" })).toBe(1);
});

test("a client that leaves before its answer is counted as one that has left", async () => {
	const request = http.get(`${api.baseUrl}/api/data/BTC-USD/book`);
	request.on("error", () => {});
	await arrived.promise;
	request.destroy();
	const book = { service: "data", endpoint: "/api/data/:symbol/book" };
	await until(async () => (await metrics.value("http_requests_total", { ...book, status: "499" })) === 1);
	expect(await metrics.value("http_errors_total", { ...book, error_type: "CLIENT_LEFT" })).toBe(1);
});

test("connections are counted while they are open", async () => {
	const before = await metrics.value("active_connections");
	const socket = net.connect(Number(new URL(api.baseUrl).port), "127.0.0.1");
	await once(socket, "connect");
	await until(async () => (await metrics.value("active_connections")) === before + 1);
	socket.destroy();
	await until(async () => (await metrics.value("active_connections")) <= before);
});

test("a port that is taken is a wrong setting, said in a line", async () => {
	const other = await createNode([], { logger: false });
	const error = await other.start().catch((reason: unknown) => reason);
	expect(isSettingError(error) && error.message).toMatch(/^METRICS_PORT=\d+ on HOST=127.0.0.1 .*EADDRINUSE$/);
	await other.stop();
});

test("nothing but its page is shown", async () => {
	const { port } = new URL(api.baseUrl);
	expect(Number(port)).not.toBe(Number(process.env["METRICS_PORT"]));
	const answer = await fetch(`http://127.0.0.1:${process.env["METRICS_PORT"]}/`);
	expect(answer.status).toBe(404);
});
