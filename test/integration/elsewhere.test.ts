import { type CallingOptions, ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { until } from "../support/until.ts";

const NODES = ["caller", "one", "two"] as const;

let brokers: Record<(typeof NODES)[number], ServiceBroker>;
const seen = { one: 0, two: 0 };

beforeEach(async () => {
	Object.assign(seen, { one: 0, two: 0 });
	const made = NODES.map((nodeId) => {
		const options = brokerOptions({ ...env({}), nodeId, namespace: `elsewhere-${process.pid}`, logLevel: "fatal" });
		const broker = new ServiceBroker({ ...options, transporter: "Fake", dependencyInterval: 10 });
		if (nodeId !== "caller") broker.createService(probeOf(nodeId));
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

function probeOf(node: "one" | "two") {
	return {
		name: "probe",
		actions: { ask: { auth: "internal", strategy: "RoundRobin", handler: () => ++seen[node] } },
	} as const;
}

/** Both nodes do not serve the action any more, and the caller knows. */
async function leaveNobody(): Promise<void> {
	for (const node of ["one", "two"] as const) await brokers[node].destroyService("probe");
	await until(() => !brokers.caller.registry.getActionEndpoints("probe.ask")?.hasAvailable());
}

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

test("a call for which nobody is there waits for who comes", async () => {
	await leaveNobody();
	const asked = ask(10);
	brokers.two.createService(probeOf("two"));
	expect(await asked).toHaveLength(10);
	expect(seen).toEqual({ one: 0, two: 10 });
});

test("no more than a thousand calls of a node wait: others are told at once that nobody is there", async () => {
	await leaveNobody();
	let refused = 0;
	const asked = Array.from({ length: 1_100 }, () => brokers.caller.call("probe.ask").catch(() => void (refused += 1)));
	await until(() => refused === 100);
	brokers.two.createService(probeOf("two"));
	await Promise.all(asked);
	expect([refused, seen.two]).toEqual([100, 1_000]);
});

test("a call that has less time waits less long", async () => {
	await leaveNobody();
	const refused: string[] = [];
	const refuse = (name: string, opts: CallingOptions) =>
		brokers.caller.call("probe.ask", {}, opts).catch(() => void refused.push(name));
	await Promise.all([
		refuse("any time", {}),
		refuse("until a deadline", { meta: { deadline: Date.now() + 1_000 } }),
		refuse("within a timeout", { timeout: 100 }),
	]);
	expect(refused).toEqual(["within a timeout", "until a deadline", "any time"]);
});

test("what a service does is not begun again because a call of it met nobody, on the same node", async () => {
	let begun = 0;
	brokers.caller.createService({
		name: "front",
		actions: {
			ask: {
				auth: "internal",
				handler(ctx) {
					begun += 1;
					return ctx.call("probe.ask");
				},
			},
		},
	});
	await brokers.caller.waitForServices("front");
	await leaveNobody();
	await expect(brokers.caller.call("front.ask")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
	expect(begun).toBe(1);
});

test("a node on its own waits for nobody", async () => {
	const alone = new ServiceBroker(brokerOptions({ ...env({}), logLevel: "fatal" }));
	await alone.start();
	const soon = new Promise((resolve) => setTimeout(resolve, 1_500, "still waiting"));
	const refused = alone.call("probe.ask").catch((error: Error & { readonly type: string }) => error.type);
	expect(await Promise.race([refused, soon])).toBe("SERVICE_UNAVAILABLE");
	await alone.stop();
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

test("what its service does not have is not waited for", async () => {
	const refused: string[] = [];
	const refuse = (action: string) => brokers.caller.call(action).catch(() => void refused.push(action));
	await Promise.all([refuse("nobody.ask"), refuse("probe.aks")]);
	expect(refused).toEqual(["probe.aks", "nobody.ask"]);
});
