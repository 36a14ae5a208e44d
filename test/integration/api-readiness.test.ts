import { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

const NAMESPACE = `readiness-${process.pid}`;

let api: StubApi;
let other: ServiceBroker;

beforeAll(async () => {
	process.env["SERVICES"] = "api,auth,orders,notifications";
	api = await startStubApi({}, { transporter: "Fake", namespace: NAMESPACE, nodeID: "gateway" });
	const options = brokerOptions({ ...env({}), nodeId: "other", namespace: NAMESPACE, logLevel: "fatal" });
	other = new ServiceBroker({ ...options, transporter: "Fake" });
	await other.start();
});

afterAll(async () => {
	delete process.env["SERVICES"];
	await other?.stop();
	await api?.stop();
});

const isThere = (name: string) =>
	api.broker.registry.getServiceList({ onlyAvailable: true }).some((service) => service.name === name);

async function appear(name: string): Promise<void> {
	other.createService({ name });
	await until(() => isThere(name));
}

async function vanish(name: string): Promise<void> {
	await other.destroyService(name);
	await until(() => !isThere(name));
}

test("a gateway is ready once all were there, whoever asked then, and on while orders can be placed", async () => {
	await appear("orders");
	expect(await api.send("GET /health/ready")).toMatchObject({
		status: 503,
		body: { code: "NOT_READY", detail: "Waiting for notifications" },
	});

	await appear("notifications");
	await vanish("notifications");
	expect(await api.send("GET /health/ready")).toMatchObject({
		status: 200,
		body: { service: "api", status: "degraded", missing: ["notifications"] },
	});
	expect((await api.send("GET /health")).body).toMatchObject({ status: "degraded" });

	await vanish("orders");
	expect(await api.send("GET /health/ready")).toMatchObject({
		status: 503,
		body: { code: "NOT_READY", detail: "Waiting for orders" },
	});

	await appear("orders");
	expect(await api.send("GET /health/ready")).toMatchObject({ status: 200, body: { status: "degraded" } });
	await appear("notifications");
	expect(await api.send("GET /health/ready")).toMatchObject({ status: 200, body: { status: "ok", missing: [] } });
});
