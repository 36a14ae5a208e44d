import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { type Supervised, supervise } from "../../cli/cluster/supervised.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { until } from "../support/until.ts";

const START_MS = 60_000;
/** Calls of this length are many in a second, and a timeout of them is soon. */
const TIMEOUT_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 4_000;
/** Its last sign may have been a while before it was stopped. */
const HANGING_MS = HEARTBEAT_TIMEOUT_MS - 1_500;
/** By then the first calls have timed out, and their node has been left. */
const LEFT_MS = 1_500;

const folder = mkdtempSync(path.join(os.tmpdir(), "agt-probe-"));
const nodes = new Map<string, Supervised>();
let nats: NatsServer;
let caller: ServiceBroker;

beforeAll(async () => {
	nats = await startNatsServer();
	Object.assign(process.env, { TRANSPORTER: nats.url, NAMESPACE: "balancing-test" });
	caller = new ServiceBroker({ ...brokerOptions(), nodeID: "caller", logger: false });
	await caller.start();
	await Promise.all([startNode("one"), startNode("two")]);
}, START_MS);

afterAll(async () => {
	await Promise.all([...nodes.values()].map((node) => node.stop()));
	await caller?.stop();
	await nats?.remove();
	rmSync(folder, { recursive: true, force: true });
}, START_MS);

test("calls take turns between the nodes of a service", async () => {
	expect(await answers(20)).toEqual({ one: 10, two: 10 });
});

test("a node that joins is called, and one that is told to leave fails nobody", async () => {
	await startNode("three");
	expect(await answers(30)).toEqual({ one: 10, two: 10, three: 10 });
	let leaving = true;
	const asking = (async () => {
		while (leaving) await answers(10);
	})();
	await nodes.get("three")?.stop();
	leaving = false;
	await asking;
	expect(await answers(20)).toEqual({ one: 10, two: 10 });
});

test("what is about one symbol goes to one node, which is another one once that is gone", async () => {
	const symbols = Array.from({ length: 40 }, (_, i) => `S${i}-USD`);
	const owners = async () =>
		Object.fromEntries(await Promise.all(symbols.map(async (symbol) => [symbol, await askAbout(symbol)] as const)));
	const before = await owners();
	expect(await owners()).toEqual(before);
	expect(new Set(Object.values(before))).toEqual(new Set(["one", "two"]));
	await nodes.get("two")?.stop();
	expect(new Set(Object.values(await owners()))).toEqual(new Set(["one"]));
	await startNode("two");
	expect(await owners()).toEqual(before);
});

test(
	"what is about one symbol goes elsewhere while its node hangs, and no call fails otherwise",
	async () => {
		const symbol = await symbolOf("two");
		const pid = nodes.get("two")?.status().pid ?? 0;
		process.kill(pid, "SIGSTOP");
		const answered: string[] = [];
		const failed: string[] = [];
		const startedAt = performance.now();
		while (performance.now() - startedAt < HANGING_MS) {
			const meta = { deadline: Date.now() + TIMEOUT_MS };
			const asked: Promise<string> = caller.call("probe.askAbout", { symbol }, { meta });
			void asked.then(
				(id) => answered.push(id),
				({ type }) => failed.push(type),
			);
			await delay(10);
		}
		expect(available()).toContain("two");
		await until(() => caller.transit?.pendingRequests.size === 0);
		expect(new Set(failed)).toEqual(new Set(["REQUEST_TIMEOUT"]));
		expect(new Set(answered)).toEqual(new Set(["one"]));

		await until(() => !available().includes("two"));
		process.kill(pid, "SIGCONT");
		await until(async () => (await askAbout(symbol)) === "two", START_MS);
	},
	START_MS,
);

test(
	"callers leave a node that hangs long before it is taken for dead, and what waits there is never begun",
	async () => {
		const pid = nodes.get("two")?.status().pid ?? 0;
		process.kill(pid, "SIGSTOP");
		const startedAt = performance.now();
		const failed: { readonly id: string; readonly at: number }[] = [];
		for (let i = 0; performance.now() - startedAt < HANGING_MS; i++) {
			const id = `hanging-${i}`;
			const at = performance.now() - startedAt;
			// As the gateway calls: with a deadline, after which nobody waits any more.
			const meta = { deadline: Date.now() + TIMEOUT_MS };
			void caller.call("probe.ask", { id }, { meta }).catch(() => failed.push({ id, at }));
			await delay(10);
		}
		expect(available()).toContain("two");
		await until(() => caller.transit?.pendingRequests.size === 0);
		// At first every second call; later one at a time tries whether it is back.
		expect(failed.length).toBeGreaterThan(10);
		const later = failed.filter(({ at }) => at > LEFT_MS);
		expect(later.length).toBeLessThanOrEqual(2);
		await until(() => !available().includes("two"));

		process.kill(pid, "SIGCONT");
		await until(async () => (await answers(2))["two"] === 1, START_MS);
		const begun = await Promise.all(failed.map(({ id }) => caller.call("probe.seen", { id }, { nodeID: "two" })));
		expect(begun).toEqual(failed.map(() => false));
		// It was the one that slept, and has not taken the others for gone.
		expect(await caller.call("probe.missed", {}, { nodeID: "two" })).toBe(0);
	},
	START_MS,
);

test("a node that has too much to do says so at once, and takes more when it has done some", async () => {
	const asked = Array.from({ length: 2_000 }, () =>
		caller.call("probe.ask", { takesMs: 1_000 }, { nodeID: "one" }).then(
			() => "answered",
			(error) => `${error.code} ${error.type}`,
		),
	);
	const outcomes = await Promise.all(asked);
	const count = (outcome: string) => outcomes.filter((item) => item === outcome).length;
	expect(count("answered")).toBe(512 + 1_024);
	expect(count("429 QUEUE_FULL")).toBe(2_000 - 512 - 1_024);
	expect(await caller.call("probe.ask", {}, { nodeID: "one" })).toBe("one");
});

test(
	"calls that NATS does not answer wait up to a limit, and are refused beyond it",
	async () => {
		nats.pause();
		const asked = Array.from({ length: 10_100 }, () =>
			caller.call("probe.ask", {}, { timeout: TIMEOUT_MS }).then(
				() => "answered",
				(error) => `${error.code} ${error.type}`,
			),
		);
		const outcomes = await Promise.all(asked);
		expect(outcomes.filter((outcome) => outcome === "429 QUEUE_FULL")).toHaveLength(100);
		nats.resume();
		await until(
			() =>
				answers(1).then(
					() => true,
					() => false,
				),
			START_MS,
		);
	},
	START_MS,
);

function available(): readonly string[] {
	return caller.registry.getNodeList({ onlyAvailable: true }).map(({ id }) => id);
}

async function startNode(name: string): Promise<void> {
	const recipe = {
		name,
		command: process.execPath,
		args: [path.join(import.meta.dirname, "probe-node.ts")],
		settings: { NODE_ID: name },
		logFile: path.join(folder, `${name}.log`),
		ready: "says so",
	} as const;
	const node = supervise(recipe, { records: { add: () => {}, remove: () => {} }, tell: () => {} });
	nodes.set(name, node);
	await node.start();
	await until(() => {
		const endpoints = caller.registry.getActionEndpoints("probe.ask")?.endpoints ?? [];
		return endpoints.some((endpoint) => endpoint.id === name && endpoint.isAvailable);
	});
}

/** Who answered how many of `count` calls, one after the other. */
async function answers(count: number): Promise<Record<string, number>> {
	const counts: Record<string, number> = {};
	for (let i = 0; i < count; i++) {
		const name: string = await caller.call("probe.ask", {});
		counts[name] = (counts[name] ?? 0) + 1;
	}
	return counts;
}

/** A symbol that is asked about at that node. */
async function symbolOf(node: string): Promise<string> {
	for (let i = 0; ; i++) if ((await askAbout(`S${i}-USD`)) === node) return `S${i}-USD`;
}

function askAbout(symbol: string): Promise<string> {
	return caller.call("probe.askAbout", { symbol });
}
