import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { databaseVariable } from "../../lib/topology.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { openProxy, type Proxy } from "../faults/cluster/proxy.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";
import { runCli, runCliToEnd } from "./processes.ts";

const START_MS = 60_000;

let nats: NatsServer;
let database: TestDatabase;
let way: Proxy;
let joined: ServiceBroker;
let settings: Record<string, string>;

beforeAll(async () => {
	nats = await startNatsServer();
	settings = { TRANSPORTER: nats.url, NAMESPACE: "start-test", SERVICES: "config", NODE_ID: "config-1" };
	Object.assign(process.env, { TRANSPORTER: nats.url, NAMESPACE: "start-test", NODE_ID: "developer" });
	joined = await createNode([], { logger: false });
	await joined.start();
}, START_MS);

afterAll(async () => {
	await joined?.stop();
	await way?.close();
	await database?.drop();
	await nats?.remove();
});

test(
	"a node whose database does not answer yet serves once it does",
	async () => {
		database = await createDatabase("config");
		way = await openProxy(Number(new URL(database.url).port));
		way.block();
		const url = new URL(database.url);
		url.port = String(way.port);
		const node = runCli("service", { ...settings, [databaseVariable("config")]: url.href });
		try {
			await until(() => node.output().includes("The database cannot be reached yet"), START_MS);
			expect(joined.registry.getServiceList({}).map(({ name }) => name)).not.toContain("config");
			way.heal();
			await joined.waitForServices("config", START_MS);
		} finally {
			expect(await node.end("SIGTERM")).toBe(0);
		}
	},
	2 * START_MS,
);

test(
	"a node that cannot start ends, so that whoever runs it sees that",
	async () => {
		const empty = await createDatabase();
		try {
			const url = { [databaseVariable("config")]: empty.url };
			const { code, output } = await runCliToEnd("service", { ...settings, ...url });
			expect(output).toContain("run 'npm run migrate' first");
			expect(code).toBe(1);
		} finally {
			await empty.drop();
		}
	},
	START_MS,
);
