import { ServiceBroker } from "moleculer";
import { brokerOptions } from "../../moleculer.config.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { until } from "../support/until.ts";

/** More than the circuit breaker looks at before it judges. */
const CALLS = 40;
/** Long before a node that gives no sign is taken for gone. */
const SOON_MS = 4_000;
const TIMEOUT_MS = 15_000;

let nats: NatsServer;
let caller: ServiceBroker;
const lives: ServiceBroker[] = [];

beforeAll(async () => {
	nats = await startNatsServer();
	Object.assign(process.env, { TRANSPORTER: nats.url, NAMESPACE: "restart-test" });
	caller = await startBroker("caller");
});

afterAll(async () => {
	for (const broker of [caller, ...lives]) await broker?.stop().catch(() => {});
	await nats?.remove();
});

test("who waits for a node that died learns of it once it is back, which then serves at once", async () => {
	const { promise: never, resolve: end } = Promise.withResolvers<null>();
	const died = await startLife(() => never);
	const waiting = Array.from({ length: CALLS }, ask);
	await until(() => caller.transit?.pendingRequests.size === CALLS);
	// As by kill -9, it says nothing of its end.
	await (died.transit as unknown as { tx: { disconnect(): Promise<void> } }).tx.disconnect();

	const startedAt = performance.now();
	await startLife(async () => null);
	expect(new Set(await Promise.all(waiting))).toEqual(new Set(["REQUEST_REJECTED"]));
	expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
	await caller.waitForServices("probe");
	expect(await ask()).toBe("answered");
	end(null);
});

/** A node of one id, whose action does as `answer` does. */
async function startLife(answer: () => Promise<null>): Promise<ServiceBroker> {
	const broker = await startBroker("mortal", {
		name: "probe",
		actions: { ask: { auth: "internal", handler: answer } },
	});
	lives.push(broker);
	await caller.waitForServices("probe");
	return broker;
}

async function startBroker(nodeID: string, ...services: Parameters<ServiceBroker["createService"]>[0][]) {
	const broker = new ServiceBroker({ ...brokerOptions(), nodeID, logger: false });
	for (const service of services) broker.createService(service);
	await broker.start();
	return broker;
}

function ask(): Promise<string> {
	return caller.call("probe.ask", {}, { timeout: TIMEOUT_MS }).then(
		() => "answered",
		(error) => String(error.type),
	);
}
