import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type Context, ServiceBroker } from "moleculer";
import { Events, type NatsConnection } from "nats";
import { env } from "../../lib/env.ts";
import { newId } from "../../lib/id.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { openProxy, type Proxy } from "../faults/cluster/proxy.ts";
import { until } from "../support/until.ts";

const START_MS = 60_000;
/** Longer than anything here takes; what ends before has been told. */
const LONG_MS = 30_000;
const NAMESPACE = "gone-nodes-test";

let nats: NatsServer;
let callersWay: Proxy;
let caller: ServiceBroker;
const brokers: ServiceBroker[] = [];
const ways: Proxy[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
	nats = await startNatsServer();
	callersWay = await openWay();
	caller = await startBroker("caller", callersWay);
}, START_MS);

afterEach(async () => {
	for (const child of children.splice(0)) await kill(child);
	for (const broker of brokers.splice(0)) await broker.stop();
	await until(() => serving("probe.ask").length === 0, START_MS);
}, START_MS);

afterAll(async () => {
	await caller?.stop();
	for (const way of ways) await way.close();
	await nats?.remove();
}, START_MS);

test(
	"a node that is killed is left at once, and nobody notices whom it had not begun to serve",
	async () => {
		const [one] = await Promise.all([startProcess("one"), startProcess("two")]);
		await kill(one);
		for (let i = 0; i < 20; i++) expect(await ask()).toBe("two");
		expect(serving("probe.ask")).toEqual(["two"]);
	},
	START_MS,
);

test(
	"what a node had begun when it was killed is told as rejected, as soon as somebody asks it for something",
	async () => {
		const one = await startProcess("one");
		const begun = caller.call("probe.ask", { id: "begun", takesMs: LONG_MS }, { timeout: LONG_MS });
		const outcome = begun.catch((error: { readonly type: string }) => error.type);
		// What a node takes, it takes in the order that it was sent in.
		expect(await caller.call("probe.seen", { id: "begun" })).toBe(true);
		await kill(one);
		await expect(caller.call("probe.ask", {}, { nodeID: "one" })).rejects.toMatchObject({
			code: 503,
			type: "SERVICE_UNAVAILABLE",
		});
		expect(await outcome).toBe("REQUEST_REJECTED");
	},
	START_MS,
);

test(
	"calls wait while a node, or who asks it, has no connection to NATS: each is begun once, or refused",
	async () => {
		const way = await openWay();
		const { broker, begun } = await startCounter("one", way);
		for (const [who, through] of [
			[broker, way],
			[caller, callersWay],
			[broker, way],
		] as const) {
			const broken = disconnected(who);
			through.cut();
			await broken;
			await expectOnceOrRefused(begun);
		}
	},
	START_MS,
);

test(
	"calls that are made while NATS is away wait for it: each is begun once, or refused",
	async () => {
		const { begun } = await startCounter("one");
		const broken = disconnected(caller);
		await nats.kill();
		await broken;
		const told = expectOnceOrRefused(begun);
		await nats.start();
		await told;
	},
	START_MS,
);

/** Asks at once for many things; `begun` counts how often each was begun. */
async function expectOnceOrRefused(begun: ReadonlyMap<string, number>): Promise<void> {
	const ids = Array.from({ length: 100 }, () => newId());
	const outcomes = await Promise.all(ids.map((id) => ask(id).catch((error: { readonly type: string }) => error.type)));
	const fates = ids.map((id, i) => `${outcomes[i]}, begun ${begun.get(id) ?? 0} times`);
	expect(["one, begun 1 times", "SERVICE_UNAVAILABLE, begun 0 times"]).toEqual(
		expect.arrayContaining([...new Set(fates)]),
	);
}

const ask = (id = ""): Promise<string> => caller.call("probe.ask", { id });

function serving(action: string): string[] {
	const endpoints = caller.registry.getActionEndpoints(action)?.endpoints ?? [];
	return endpoints.filter((endpoint) => endpoint.isAvailable).map(({ id }) => id);
}

/** Resolves when a node's client tells that its connection has broken; it connects again by itself. */
async function disconnected({ transit }: ServiceBroker): Promise<void> {
	const { tx } = transit as unknown as { tx: { client: NatsConnection } };
	for await (const { type } of tx.client.status()) if (type === Events.Disconnect) return;
}

async function startProcess(name: string): Promise<ChildProcess> {
	const child = fork(path.join(import.meta.dirname, "probe-node.ts"), {
		env: { ...process.env, TRANSPORTER: nats.url, NAMESPACE, NODE_ID: name },
		execArgv: [],
	});
	children.push(child);
	await until(() => serving("probe.ask").includes(name), START_MS);
	return child;
}

async function kill(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const exited = once(child, "exit");
	child.kill("SIGKILL");
	await exited;
}

/** A node of this process that counts how often each call has been begun. */
async function startCounter(name: string, way?: Proxy) {
	const begun = new Map<string, number>();
	const broker = await startBroker(name, way);
	brokers.push(broker);
	broker.createService({
		name: "probe",
		actions: {
			ask: {
				auth: "internal",
				handler({ params: { id } }: Context<{ id: string }>) {
					begun.set(id, (begun.get(id) ?? 0) + 1);
					return name;
				},
			},
		},
	});
	await until(() => serving("probe.ask").includes(name), START_MS);
	return { broker, begun };
}

async function openWay(): Promise<Proxy> {
	const way = await openProxy(Number(new URL(nats.url).port));
	ways.push(way);
	return way;
}

async function startBroker(nodeId: string, way?: Proxy): Promise<ServiceBroker> {
	const transporter = way ? `nats://127.0.0.1:${way.port}` : nats.url;
	const settings = { ...env({}), transporter, namespace: NAMESPACE, nodeId };
	const broker = new ServiceBroker({ ...brokerOptions(settings), logger: false });
	await broker.start();
	return broker;
}
