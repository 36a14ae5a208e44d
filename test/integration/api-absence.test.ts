import { setTimeout as delay } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

const NAMESPACE = `absence-${process.pid}`;
/** Until a request has reached the gateway, as a rule. */
const SENT_MS = 300;

let api: StubApi;
let other: ServiceBroker;

beforeAll(async () => {
	api = await startStubApi({}, { transporter: "Fake", namespace: NAMESPACE, nodeID: "gateway" });
	const options = brokerOptions({ ...env({}), nodeId: "other", namespace: NAMESPACE, logLevel: "fatal" });
	other = new ServiceBroker({ ...options, transporter: "Fake" });
	await other.start();
});

afterAll(async () => {
	await other?.stop();
	await api?.stop();
});

function serve(): void {
	other.createService({ name: "data", actions: { instruments: { auth: "public", handler: () => ({ items: [] }) } } });
}

test("a request for a service that is away for a moment is answered when it is back, and probes at once", async () => {
	serve();
	await until(async () => (await api.send("GET /api/data/instruments")).status === 200);
	await other.destroyService("data");
	await until(() => !api.broker.registry.getActionEndpoints("data.instruments")?.hasAvailable());

	let answered = false;
	const answer = api.send("GET /api/data/instruments").finally(() => (answered = true));
	await delay(SENT_MS);
	expect(await api.send("GET /health/ready")).toMatchObject({ status: 503, body: { code: "NOT_READY" } });
	expect(answered).toBe(false);
	serve();
	expect((await answer).status).toBe(200);
});

test("a service that stays away is told as such", async () => {
	await other.destroyService("data");
	expect(await api.send("GET /api/data/instruments")).toMatchObject({
		status: 503,
		body: { code: "SERVICE_UNAVAILABLE" },
	});
});
