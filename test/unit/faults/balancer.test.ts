import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { balancer } from "../../faults/product/balancer.ts";
import { until } from "../../support/until.ts";

let health: { readonly code: number; readonly status: string };
let served = 0;
let server: Server;
beforeAll(async () => {
	server = createServer(({ url }, response) => {
		if (url !== "/health/ready") served += 1;
		const { code, status } = url === "/health/ready" ? health : { code: 200, status: "ok" };
		response.writeHead(code).end(JSON.stringify({ status }));
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
});
afterAll(() => void server.close());

test("a gateway that misses a service that no order needs gets requests, and is not whole", async () => {
	health = { code: 200, status: "degraded" };
	const { port } = server.address() as AddressInfo;
	const gateways = balancer([`http://127.0.0.1:${port}`, "http://127.0.0.1:1"]);
	try {
		// Of the other, which refuses connections, nothing is seen but an error until the first has been asked.
		await until(async () => (await gateways.send("GET /").catch(() => null)) !== null);
		for (let i = 0; i < 4; i++) expect((await gateways.send("GET /")).status).toBe(200);
		expect(served).toBeGreaterThanOrEqual(4);
		expect(gateways.whole()).toBe(0);
		health = { code: 200, status: "ok" };
		await until(() => gateways.whole() === 1);
		health = { code: 503, status: "503" };
		await until(() => gateways.whole() === 0);
	} finally {
		await gateways.stop();
	}
});
