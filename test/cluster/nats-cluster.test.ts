import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import { connect, NatsError } from "nats";
import { natsManifests } from "../../deploy/kubernetes/nats.ts";
import { jetStreamTransport } from "../../lib/event-bus/jetstream.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { atTheEnd, cleanUp, inOrder, newSink, newSource, onlyOf, quiet } from "../contract/event-bus/harness.ts";
import { readText } from "../deploy/files.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";

/** Three servers find each other and elect who leads, on a machine that may be busy. */
const PATIENCE_MS = 60_000;
const NAMESPACE = "nats-cluster-test";
const PASSWORD = "k0123456789abcdef";
const ROUTE_PASSWORD = "k-of-routes";

const manifest = natsManifests().find(({ kind }) => kind === "StatefulSet") as StatefulSet;
const NAMES = Array.from({ length: manifest.spec?.replicas ?? 0 }, (_, i) => `nats-${i}`);

interface Server {
	readonly url: string;
	readonly monitor: string;
	kill(): Promise<void>;
}

let folder: string;
let servers: readonly Server[];

beforeAll(async () => {
	folder = await mkdtemp(path.join(os.tmpdir(), "agt-nats-cluster-"));
	const routePorts = await Promise.all(NAMES.map(() => freePort()));
	servers = await Promise.all(NAMES.map((name, i) => startServer(name, i, routePorts)));
	await until(async () => (await Promise.all(servers.map(isWell))).every(Boolean), PATIENCE_MS);
}, 2 * PATIENCE_MS);

afterEach(cleanUp, PATIENCE_MS);

afterAll(async () => {
	await Promise.all((servers ?? []).map((server) => server.kill()));
	await rm(folder, { recursive: true, force: true });
});

/** A server as Kubernetes starts it, but for what is different on one machine: addresses, ports and folders. */
async function startServer(name: string, index: number, routePorts: readonly number[]): Promise<Server> {
	const [port, monitor] = [await freePort(), await freePort()];
	const store = path.join(folder, name);
	const configuration = `${store}.conf`;
	await writeFile(
		configuration,
		readText("deploy/nats/nats.conf")
			.replace("port: 4222", `listen: 127.0.0.1:${port}`)
			.replace("http: 8222", `http: 127.0.0.1:${monitor}`)
			.replace("/data", store),
	);
	const given = manifest.spec?.template.spec?.containers[0]?.args ?? [];
	const args = given.map((argument) =>
		argument
			.replace("/etc/nats/nats.conf", configuration)
			.replace("/data/nats.pid", `${store}.pid`)
			.replaceAll("$(POD_NAME)", name)
			.replaceAll("$(NATS_ROUTE_PASSWORD)", ROUTE_PASSWORD)
			.replace("0.0.0.0:6222", `127.0.0.1:${routePorts[index]}`)
			.replaceAll(/nats-(\d)\.nats:6222/g, (_, other: string) => `127.0.0.1:${routePorts[Number(other)]}`),
	);
	const child: ChildProcess = spawn("nats-server", args, {
		stdio: "ignore",
		env: { PATH: `${process.env["PATH"]}${path.delimiter}/usr/sbin`, NATS_PASSWORD: PASSWORD },
	});
	await once(child, "spawn");
	return {
		url: `nats://agt:${PASSWORD}@127.0.0.1:${port}`,
		monitor: `http://127.0.0.1:${monitor}`,
		async kill() {
			if (child.exitCode !== null || child.signalCode !== null) return;
			child.kill("SIGKILL");
			await once(child, "exit");
		},
	};
}

async function isWell({ monitor }: Server): Promise<boolean> {
	return fetch(`${monitor}/healthz`).then(
		({ ok }) => ok,
		() => false,
	);
}

function node(): Transport {
	const all = servers.map(({ url }) => url).join(",");
	const transport = jetStreamTransport({ servers: all, namespace: NAMESPACE, replicas: servers.length, logger: quiet });
	atTheEnd(() => transport.close());
	return transport;
}

test(
	"the servers of Kubernetes keep every event three times, and go on when one of them dies",
	async () => {
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(node());
		source.startRelay(node());
		await source.tell(["a", "b"], 50);
		await until(async () => (await sink.seen()).length === 100, PATIENCE_MS);

		const { leader, replicas } = await cluster();
		expect(replicas).toBe(3);
		await servers[NAMES.indexOf(leader)]?.kill();
		await source.tell(["a", "b"], 50);
		await until(async () => (await sink.seen()).length === 200, PATIENCE_MS);
		const seen = await sink.seen();
		for (const aggregate of ["a", "b"]) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 100));
	},
	4 * PATIENCE_MS,
);

test("nobody without the password gets in", async () => {
	for (const wrong of [{}, { user: "agt", pass: "guessed" }]) {
		const attempt = connect({
			servers: servers.map(({ url }) => new URL(url).host),
			...wrong,
			maxReconnectAttempts: 1,
		});
		await expect(attempt).rejects.toThrow(NatsError);
	}
});

/** Who leads the stream of events, and how many servers keep it. */
async function cluster(): Promise<{ readonly leader: string; readonly replicas: number }> {
	const connection = await connect({ servers: new URL(servers[0]?.url ?? "").host, user: "agt", pass: PASSWORD });
	try {
		const jsm = await connection.jetstreamManager();
		const { config, cluster: state } = await jsm.streams.info(`${NAMESPACE}-events`);
		return { leader: state?.leader ?? "", replicas: config.num_replicas };
	} finally {
		await connection.close();
	}
}
