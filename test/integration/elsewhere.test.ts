import { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { brokerOptions } from "../../moleculer.config.ts";

const NODES = ["caller", "one", "two"] as const;

let brokers: Record<(typeof NODES)[number], ServiceBroker>;
const seen = { one: 0, two: 0 };

beforeEach(async () => {
	Object.assign(seen, { one: 0, two: 0 });
	const made = NODES.map((nodeId) => {
		const options = brokerOptions({ ...env({}), nodeId, namespace: `elsewhere-${process.pid}`, logLevel: "fatal" });
		const broker = new ServiceBroker({ ...options, transporter: "Fake", dependencyInterval: 10 });
		if (nodeId !== "caller") {
			broker.createService({
				name: "probe",
				actions: { ask: { auth: "internal", strategy: "RoundRobin", handler: () => ++seen[nodeId] } },
			});
		}
		return [nodeId, broker] as const;
	});
	brokers = Object.fromEntries(made) as typeof brokers;
	await Promise.all(made.map(([, broker]) => broker.start()));
	await brokers.caller.waitForServices("probe");
	while ((brokers.caller.registry.getActionEndpoints("probe.ask")?.count() ?? 0) < 2) await turn();
});

afterEach(async () => {
	await Promise.all(Object.values(brokers).map((broker) => broker.stop()));
});

const turn = () => new Promise((resolve) => setTimeout(resolve, 10));
const ask = (times: number) => Promise.all(Array.from({ length: times }, () => brokers.caller.call("probe.ask")));

/** What others believe of the node is not true any more: as when it has just come back. */
function forget(node: "one" | "two"): void {
	brokers[node].registry.getActionEndpoints("probe.ask")?.removeByNodeID(node);
}

test("a node that does not serve what it is asked for is left for another, and nobody notices", async () => {
	forget("one");
	expect(await ask(10)).toHaveLength(10);
	expect(seen).toEqual({ one: 0, two: 10 });
});

test("when nobody serves it, that is told after a while", async () => {
	forget("one");
	forget("two");
	await expect(brokers.caller.call("probe.ask")).rejects.toMatchObject({ code: 503, type: "SERVICE_UNAVAILABLE" });
});

test("who asks one node gets its answer, and no other's", async () => {
	forget("one");
	await expect(brokers.caller.call("probe.ask", {}, { nodeID: "one" })).rejects.toMatchObject({ code: 503 });
	expect(seen).toEqual({ one: 0, two: 0 });
});

test("what a service refuses while it does its work is not asked for again", async () => {
	for (const node of ["one", "two"] as const) {
		brokers[node].createService({
			name: "front",
			actions: {
				ask: {
					auth: "internal",
					handler(ctx) {
						seen[node] += 1;
						return ctx.call("nobody.serves");
					},
				},
			},
		});
	}
	await brokers.caller.waitForServices("front");
	await expect(brokers.caller.call("front.ask")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
	expect(seen.one + seen.two).toBe(1);
});
