import { ServiceBroker } from "moleculer";
import { brokerOptions } from "../../moleculer.config.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;
const SOON_MS = 4_000;

let nats: NatsServer;
let caller: ServiceBroker;
let callee: ServiceBroker;

beforeAll(async () => {
	nats = await startNatsServer();
	Object.assign(process.env, { TRANSPORTER: nats.url, NAMESPACE: "clocks-test" });
	caller = await startBroker("caller");
	callee = await startBroker("callee", {
		name: "probe",
		actions: { ask: { auth: "internal", handler: () => "served" } },
	});
	await caller.waitForServices("probe");
});

afterAll(async () => {
	for (const broker of [caller, callee]) await broker?.stop();
	await nats?.remove();
});

test("nodes that see each other ask for each other's time", async () => {
	const asked = new Set<string>();
	callee.localBus.on("$node.pong", ({ nodeID }: { nodeID: string }) => asked.add(nodeID));
	const another = await startBroker("another");
	await until(() => asked.has("another"));
	await another.stop();
});

test.each([
	["slow", HOUR_MS],
	["fast", -HOUR_MS],
])("who calls with a clock that is an hour %s is served, and refused when its own time is over", async (_how, lead) => {
	expect(await ask(lead, SOON_MS)).toBe("served");
	expect(await ask(lead, -SOON_MS)).toBe("DEADLINE_EXCEEDED");
});

test("clocks that agree need no help", async () => {
	expect(await ask(0, SOON_MS)).toBe("served");
	expect(await ask(0, -SOON_MS)).toBe("DEADLINE_EXCEEDED");
});

/** Calls as a node would whose clock the callee's is ahead of by `leadMs`, with `leftMs` until its deadline. */
function ask(leadMs: number, leftMs: number): Promise<string> {
	callee.localBus.emit("$node.pong", { nodeID: "caller", elapsedTime: 1, timeDiff: leadMs });
	// The caller's own view of the deadline would stop it here: what travels is the callee's concern.
	const { transit } = caller;
	const deadline = Date.now() - leadMs + leftMs;
	const send = transit as unknown as { publish(packet: { type: string; payload: { meta?: object } }): Promise<void> };
	const publish = send.publish.bind(transit);
	send.publish = (packet) => {
		if (packet.type === "REQ") packet.payload.meta = { deadline };
		return publish(packet);
	};
	return caller
		.call("probe.ask")
		.then(String, (error) => String(error.type))
		.finally(() => {
			send.publish = publish;
		});
}

async function startBroker(nodeID: string, ...services: Parameters<ServiceBroker["createService"]>[0][]) {
	const broker = new ServiceBroker({ ...brokerOptions(), nodeID, logger: false });
	for (const service of services) broker.createService(service);
	await broker.start();
	return broker;
}
