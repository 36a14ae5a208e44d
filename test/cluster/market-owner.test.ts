import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import type { Placement } from "../../contracts/orders.ts";
import type { ExecutionReport } from "../../contracts/trading.ts";
import { call } from "../../lib/service.ts";
import { databaseVariable, SERVICE_NAMES, STATEFUL_SERVICES, type StatefulService } from "../../lib/topology.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { PLAIN } from "../support/orders.ts";
import { person } from "../support/people.ts";
import { until } from "../support/until.ts";
import { type Running, runCli, runCliToEnd } from "./processes.ts";

const SYMBOL = "BTC-USD";
const START_MS = 90_000;
/** A node that gives no sign is taken for gone after 4 s, and what was left pending is driven on every second. */
const TAKEOVER_MS = 40_000;

// Admins, who may pay themselves paper money.
const [ann, bob] = [person("ann", "admin"), person("bob", "admin")];
const traders = new Map<string, Running>();
let nats: NatsServer;
let databases: Readonly<Record<StatefulService, TestDatabase>>;
let settings: Record<string, string>;
/** Every service but `trading`, which two processes run. */
let node: ServiceBroker;

beforeAll(async () => {
	nats = await startNatsServer();
	const made = STATEFUL_SERVICES.map(async (service) => [service, await createDatabase(service)] as const);
	databases = Object.fromEntries(await Promise.all(made)) as typeof databases;
	settings = { TRANSPORTER: nats.url, NAMESPACE: "owner-test", LOG_LEVEL: "warn", PORT: "0" };
	for (const service of STATEFUL_SERVICES) settings[databaseVariable(service)] = databases[service].url;
	Object.assign(process.env, settings);
	const others = SERVICE_NAMES.filter((service) => service !== "trading");
	node = await createNode(others, { logger: false, nodeID: "others" });
	await node.start();
	for (const name of ["trading-1", "trading-2"])
		traders.set(name, runCli("service", { ...settings, SERVICES: "trading", NODE_ID: name }));
	await until(() => serving().length === 2, START_MS);
	for (const { id, meta } of [ann, bob]) {
		for (const [asset, amount] of Object.entries({ USD: "1000", BTC: "10" }))
			await call(node, "trading.deposit", { asset, amount, idempotency_key: `${id}-${asset}` }, { meta });
	}
}, 2 * START_MS);

afterAll(async () => {
	for (const { process: child } of traders.values()) child.kill("SIGCONT");
	const codes = await Promise.all([...traders.values()].map((trader) => trader.end("SIGTERM")));
	await node?.stop();
	await Promise.all(Object.values(databases ?? {}).map((database) => database.drop()));
	await nats?.remove();
	expect(codes).toEqual([0, 0]);
}, START_MS);

test(
	"who owned a market, was stopped past its lease and goes on can neither trade nor cancel what others have traded",
	async () => {
		const resting = await place(bob, "sell", "resting");
		const { owner, epoch } = await lease();
		const stopped = traders.get(owner) as Running;
		stopped.process.kill("SIGSTOP");
		// Both wait at the stopped owner, whose book has the resting order still open.
		const asked = [closeAt(owner, resting), place(ann, "buy", "crossing")].map((promise) => promise.catch(() => null));

		await until(async () => (await lease()).owner !== owner, TAKEOVER_MS);
		const taken = await lease();
		expect(Number(taken.epoch)).toBeGreaterThan(Number(epoch));
		await until(async () => (await orderOf(ann, "crossing")).status === "filled", TAKEOVER_MS);

		stopped.process.kill("SIGCONT");
		await Promise.all(asked);
		await until(() => serving().includes(owner), TAKEOVER_MS);
		// It comes behind what has waited there.
		expect(await closeAt(owner, resting)).toMatchObject({ status: "filled", filled_quantity: "1" });
		expect(await lease()).toEqual(taken);
		expect(await depthAt(owner)).toEqual(await depthAt(taken.owner));
		expect(stopped.process.exitCode).toBeNull();
		// It was its epoch that its commit failed on, not that what it wrote was there already.
		expect(stopped.output()).not.toContain("Unexpected error");
	},
	3 * TAKEOVER_MS,
);

test("what was traded meanwhile was traded once", async () => {
	expect(await balancesOf(ann)).toEqual({ BTC: "11", USD: "899.8" });
	expect(await balancesOf(bob)).toEqual({ BTC: "9", USD: "1099.9" });
	await until(async () => (await orderOf(bob, "resting")).status === "filled");
	const again = await place(ann, "buy", "crossing");
	expect(again).toMatchObject({ replayed: true, order: { status: "filled", filled_quantity: "1" } });
});

test("the owner that was stopped trades again once the market is given back", async () => {
	const { owner } = await lease();
	expect(await traders.get(owner)?.end("SIGTERM")).toBe(0);
	await place(bob, "sell", "later");
	expect(await place(ann, "buy", "latest")).toMatchObject({ order: { status: "filled" } });
	expect((await lease()).owner).not.toBe(owner);
});

test("every invariant holds in the end", async () => {
	const { code, output } = await runCliToEnd("verify", settings);
	expect([code, output]).toEqual([0, expect.stringContaining("All invariants hold")]);
});

type Person = ReturnType<typeof person>;

/** The nodes that this one would call for an execution. */
function serving(): string[] {
	const endpoints = node.registry.getActionEndpoints("trading.submit")?.endpoints ?? [];
	return endpoints.filter((endpoint) => endpoint.isAvailable).map((endpoint) => endpoint.id);
}

async function lease(): Promise<{ owner: string; epoch: string }> {
	const [row] = await databases.trading.db.query<{ owner: string; epoch: string }>(
		"SELECT owner_node AS owner, epoch FROM markets WHERE symbol = $1",
		[SYMBOL],
	);
	if (!row) throw new Error(`${SYMBOL} has no owner`);
	return row;
}

function place({ meta }: Person, side: "buy" | "sell", client_order_id: string): Promise<Placement> {
	const order = { symbol: SYMBOL, side, quantity: "1", price: "100", client_order_id };
	return call(node, "orders.place", order, { meta, timeout: TAKEOVER_MS });
}

function orderOf({ meta }: Person, client_order_id: string) {
	return call(node, "orders.getByClientId", { client_order_id }, { meta });
}

/** Cancels an order at one node, whether the market is its own or not. */
function closeAt(nodeID: string, { order }: Placement): Promise<ExecutionReport> {
	const { order_id, user_id, symbol, side, order_type, time_in_force, quantity, price } = order;
	const terms = { ...PLAIN, order_id, user_id, symbol, side, order_type, time_in_force, quantity, price };
	return call(node, "trading.close", { order: terms, status: "canceled" }, { nodeID, timeout: TAKEOVER_MS });
}

/** The book as a node shows it. */
function depthAt(nodeID: string) {
	return call(node, "trading.depth", { symbol: SYMBOL }, { nodeID });
}

async function balancesOf({ meta }: Person): Promise<Record<string, string>> {
	const balances = await call(node, "trading.balances", undefined, { meta });
	return Object.fromEntries(balances.map(({ asset, balance }) => [asset, balance]));
}
