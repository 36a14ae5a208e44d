import { ServiceBroker } from "moleculer";
import { openMetrics } from "../../../lib/metrics/registry.ts";
import { serveMetrics } from "../../../lib/metrics/server.ts";
import { freePort } from "../../support/free-port.ts";

const metrics = openMetrics(new ServiceBroker({ logger: false }));
let scrapes = 0;
metrics.onScrape(() => void (scrapes += 1));

let hasStarted = false;
let port: number;
let stop: () => Promise<void>;
beforeAll(async () => {
	port = await freePort();
	stop = await serveMetrics(metrics, { host: "127.0.0.1", port, hasStarted: () => hasStarted });
});
afterAll(() => stop());

const statusOf = async (path: string) => {
	const answer = await fetch(`http://127.0.0.1:${port}${path}`);
	await answer.text();
	return answer.status;
};

test("probes hear whether the node lives and has started, and are no scrape", async () => {
	expect(await statusOf("/live")).toBe(200);
	expect(await statusOf("/started")).toBe(503);
	hasStarted = true;
	expect(await statusOf("/started")).toBe(200);
	expect(scrapes).toBe(0);
	expect(await statusOf("/metrics")).toBe(200);
	expect(scrapes).toBe(1);
});

test("there is nothing else to ask", async () => {
	expect(await statusOf("/")).toBe(404);
	expect((await fetch(`http://127.0.0.1:${port}/live`, { method: "POST" })).status).toBe(404);
});
