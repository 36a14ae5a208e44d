import { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { refuse } from "../../lib/refuse.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { until } from "../support/until.ts";

const NODES = ["caller", "one", "two"] as const;
/** More than the circuit breaker looks at of each node before it judges. */
const CALLS = 60;

let brokers: readonly ServiceBroker[];
let caller: ServiceBroker;
const away = new Set<string>();

beforeEach(async () => {
	away.clear();
	brokers = NODES.map((nodeId) => {
		const options = brokerOptions({ ...env({}), nodeId, namespace: `circuits-${process.pid}`, logLevel: "fatal" });
		const broker = new ServiceBroker({ ...options, transporter: "Fake" });
		if (nodeId !== "caller") {
			broker.createService({
				name: "probe",
				actions: {
					ask: {
						auth: "internal",
						handler() {
							if (away.has(nodeId)) throw refuse("SERVICE_UNAVAILABLE", "The database cannot be reached");
							return nodeId;
						},
					},
				},
			});
		}
		return broker;
	});
	caller = brokers[0] as ServiceBroker;
	await Promise.all(brokers.map((broker) => broker.start()));
	await until(() => asked().length === 2);
});

afterEach(async () => {
	await Promise.all(brokers.map((broker) => broker.stop()));
});

/** The nodes that are asked. */
function asked(): string[] {
	const endpoints = caller.registry.getActionEndpoints("probe.ask")?.endpoints ?? [];
	return endpoints.filter((endpoint) => endpoint.isAvailable).map(({ id }) => id);
}

async function askMany(): Promise<void> {
	for (let i = 0; i < CALLS; i++) await caller.call("probe.ask").catch(() => {});
}

test("a node that cannot serve now is left for the one that can", async () => {
	away.add("one");
	await askMany();
	expect(asked()).toEqual(["two"]);
});

test("when no node can serve now one is asked on, so that the service is back as soon as it can be", async () => {
	away.add("one").add("two");
	await askMany();
	expect(asked()).toHaveLength(1);
	away.clear();
	expect(asked()).toContain(await caller.call("probe.ask"));
});
