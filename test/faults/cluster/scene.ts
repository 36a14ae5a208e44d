import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import { databaseVariable, type StatefulService } from "../../../lib/topology.ts";
import type { NatsServer } from "../../contract/event-bus/nats-server.ts";
import type { TestDatabase } from "../../support/databases.ts";
import { freePort } from "../../support/free-port.ts";
import type { RedisServer } from "../../support/redis-server.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import { type Deployment, deployment } from "../product/deployment.ts";
import { kindOf, NODES } from "./layout.ts";
import { joinAsObserver } from "./observer.ts";
import { type Postgres, postgresOf } from "./postgres.ts";
import { openProxy, type Proxy } from "./proxy.ts";

/** The cluster and all that it stands on. */
export interface Scene {
	readonly nats: NatsServer;
	readonly redis: RedisServer;
	readonly postgres: Postgres;
	readonly databases: ReadonlyMap<StatefulService, TestDatabase>;
	/** The gateways' addresses. */
	readonly urls: readonly string[];
	/** What ended although nobody had told it to. */
	readonly accidents: readonly string[];
	start(node: string, life?: { readonly at?: ArmedFailpoint | null; readonly settings?: Settings }): void;
	kill(node: string): Promise<void>;
	end(node: string): Promise<number | string>;
	pause(node: string): void;
	resume(node: string): void;
	/** Resolves when the node has killed itself. */
	died(node: string): Promise<void>;
	/** The ways from a node to NATS and PostgreSQL. */
	waysOf(node: string): readonly Proxy[];
	/** Whether every node is there, those that were started again in their new life. */
	isWhole(): boolean;
	/** Kills all. */
	stop(): Promise<void>;
}

type Settings = Readonly<Record<string, string>>;

const NAMESPACE = "faults";

/** Prepares two nodes of each kind; each reaches NATS and PostgreSQL by ways of its own. */
export async function setScene(
	sandbox: Sandbox,
	{ nats, redis }: Pick<Scene, "nats" | "redis">,
	databases: ReadonlyMap<StatefulService, TestDatabase>,
): Promise<Scene> {
	const ways = new Map<string, { readonly nats: Proxy; readonly postgres: Proxy }>();
	const natsPort = Number(new URL(nats.url).port);
	for (const node of NODES)
		ways.set(node, { nats: await openProxy(natsPort), postgres: await openProxy(sandbox.postgres.port) });
	const ports = new Map<string, number>();
	for (const node of NODES) if (kindOf(node).name === "api") ports.set(node, await freePort());

	const processes = [...ways].map(([node, way]) => ({
		name: node,
		program: "service" as const,
		settings: {
			...Object.fromEntries(
				[...databases].map(([service, { url }]) => [databaseVariable(service), through(url, way.postgres)]),
			),
			TRANSPORTER: through(nats.url, way.nats),
			REDIS_URL: redis.url,
			NAMESPACE,
			NODE_ID: node,
			SERVICES: kindOf(node).services.join(","),
			DATA_DIR: sandbox.folder,
			PORT: String(ports.get(node) ?? 0),
			LOG_LEVEL: "warn",
		},
	}));
	const cluster: Deployment = deployment(sandbox, processes);
	const observer = await joinAsObserver({ TRANSPORTER: nats.url, NAMESPACE });
	/** The lives that are over, as far as we know better than the observer. */
	const past = new Map<string, string | null>();

	return {
		nats,
		redis,
		postgres: postgresOf(sandbox),
		databases,
		urls: [...ports.values()].map((port) => `http://127.0.0.1:${port}`),
		accidents: cluster.accidents,
		start(node, life) {
			past.set(node, observer.lifeOf(node) ?? past.get(node) ?? null);
			cluster.start(node, life);
		},
		kill: cluster.kill,
		end: cluster.end,
		pause: cluster.pause,
		resume: cluster.resume,
		died: cluster.died,
		waysOf(node) {
			const way = ways.get(node);
			return way ? [way.nats, way.postgres] : [];
		},
		isWhole: () =>
			NODES.every((node) => {
				const life = observer.lifeOf(node);
				return life !== null && life !== past.get(node);
			}),
		async stop() {
			await observer.stop();
			await cluster.stop();
			for (const way of ways.values()) for (const proxy of Object.values(way)) await proxy.close();
		},
	};
}

function through(url: string, { port }: Proxy): string {
	const changed = new URL(url);
	changed.port = String(port);
	return changed.href;
}
