import { databaseVariable } from "../../lib/topology.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { type Running, runCli, runCliToEnd } from "./processes.ts";

/** Processes start, and the machine may be busy. */
const START_MS = 60_000;

let nats: NatsServer;
let database: TestDatabase;
let settings: Record<string, string>;
let node: Running | undefined;

beforeAll(async () => {
	nats = await startNatsServer();
	database = await createDatabase("config");
	settings = {
		TRANSPORTER: nats.url,
		NAMESPACE: "node-test",
		SERVICES: "config",
		METRICS_PORT: String(await freePort()),
		[databaseVariable("config")]: database.url,
	};
}, START_MS);

afterEach(async () => {
	await node?.end("SIGKILL");
	node = undefined;
});

afterAll(async () => {
	await database?.drop();
	await nats?.remove();
});

const probe = (changed: Readonly<Record<string, string>> = {}) => runCliToEnd("probe", { ...settings, ...changed });

test("a container's probe fails until the node has started, and again once it has gone", async () => {
	expect(await probe()).toMatchObject({ code: 1, output: expect.stringContaining("ECONNREFUSED") });
	node = runCli("service", settings);
	await until(async () => (await probe()).code === 0, START_MS);
	expect(await node.end("SIGTERM")).toBe(0);
	expect((await probe()).code).toBe(1);
});

test("a node that waits for NATS is alive, and has not started", async () => {
	await nats.kill();
	node = runCli("service", settings);
	await until(async () => (await probe()).output.includes("not yet"), START_MS);
	await nats.start();
	await until(async () => (await probe()).code === 0, START_MS);
});

test("the gateway's probe waits for the whole cluster", async () => {
	const gateway = { SERVICES: "api", PORT: String(await freePort()) };
	const { METRICS_PORT: _, ...others } = settings;
	node = runCli("service", { ...others, ...gateway });
	await until(async () => (await probe(gateway)).output.includes("not yet"), START_MS);
	expect((await probe(gateway)).code).toBe(1);
});

test("a probe that has no port to ask says so", async () => {
	const { METRICS_PORT: _, ...without } = settings;
	expect(await runCliToEnd("probe", without)).toMatchObject({
		code: 1,
		output: expect.stringContaining("METRICS_PORT"),
	});
});
