import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { call } from "../../lib/service.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";
import { type Collector, startCollector } from "../support/collector.ts";
import { httpClient, join, logIn, type Member, type Reply, type Send } from "../support/http-client.ts";
import { until } from "../support/until.ts";
import { startReceiver } from "../support/webhook-receiver.ts";
import { runCliToEnd } from "./processes.ts";
import { type ServiceNodes, startServiceNodes } from "./service-nodes.ts";

/** Thirteen processes start on as few as two processors. */
const START_MS = 90_000;

/** Heartbeats stop counting after 4 s, and a call that went to the dead node by then takes 5 s to time out. */
const FAILOVER_MS = 20_000;

let collector: Collector;
let nodes: ServiceNodes;
let joined: ServiceBroker;
let send: Send;
let alice: Member;
let bob: Member;
let admin: string;

beforeAll(async () => {
	collector = await startCollector();
	nodes = await startServiceNodes("cluster-test", {
		WEBHOOK_PRIVATE_HOSTS: "127.0.0.1",
		TRACING_URL: collector.url,
	});
	send = httpClient(nodes.baseUrl);
	await until(() => answers("GET /health/ready", 200), START_MS).catch(nodes.withLogs);

	Object.assign(process.env, { TRANSPORTER: nodes.nats.url, NAMESPACE: "cluster-test", NODE_ID: "developer" });
	joined = await createNode([], { logger: false });
	await joined.start();
	await joined.waitForServices(["auth", "trading"]);
}, 2 * START_MS);

afterAll(async () => {
	await joined?.stop();
	const codes = await nodes?.stop();
	await collector?.stop();
	expect(codes).toEqual(codes?.map(() => 0));
}, START_MS);

test("two users register and are paid, over REST, across processes", async () => {
	[alice, bob] = [await join(send, "alice"), await join(send, "bob")];
	const account = { username: "admin", email: "admin@example.com", password: "long-enough-for-an-admin" };
	await call(joined, "auth.provision", { ...account, roles: ["admin"] });
	({ token: admin } = await logIn(send, account.username, account.password));
	await deposit(alice, "USD", "1000.00");
	await deposit(bob, "BTC", "1");
});

test("two crossing orders fill, exact to the last digit", async () => {
	const resting = await place(bob, { side: "sell", quantity: "0.01234567", price: "61837.63" });
	expect(resting).toMatchObject({ status: 201, body: { status: "open" } });
	const crossing = await place(alice, { side: "buy", quantity: "0.01234567", price: "61837.63" });
	expect(crossing).toMatchObject({
		status: 201,
		body: { status: "filled", filled_quantity: "0.01234567", remaining_quantity: "0", average_price: "61837.63" },
	});
	await until(async () => (await read(bob, `/api/orders/${String(resting.body["order_id"])}`))["status"] === "filled");

	// 0.01234567 x 61837.63 = 763.4269735621 USD; fees of 20 bps for the taker and 10 for the maker are rounded down.
	expect(crossing.body).toMatchObject({ fee: "1.5268539471", fee_asset: "USD" });
	expect(await balancesOf(alice)).toEqual({ BTC: "0.01234567", USD: "235.0461724908" });
	expect(await balancesOf(bob)).toEqual({ BTC: "0.98765433", USD: "762.6635465886" });
});

test("the history shows the order from its creation to its execution, without a gap", async () => {
	const { items } = await read(alice, "/api/orders");
	const orderId = (items as { order_id: string }[])[0]?.order_id;
	const history = async () => {
		const { body } = await send(`GET /api/events?aggregate_id=${orderId}`, { token: admin });
		return body["items"] as { type: string; aggregate_seq: number }[];
	};
	await until(async () => (await history()).some(({ type }) => type === "orders.executed"));
	const events = await history();
	expect(events[0]?.type).toBe("orders.created");
	expect(events.map(({ aggregate_seq }) => aggregate_seq)).toEqual(events.map((_, i) => i + 1));
});

test("an order is one trace over all processes that it passes", async () => {
	const traceId = "0af7651916cd43dd8448eb211c80319c";
	const body = { symbol: "BTC-USD", side: "buy", quantity: "0.0001", price: "10000" };
	const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
	expect((await send("POST /api/orders", { token: alice.token, body, headers })).status).toBe(201);
	const passed = () => {
		const spans = collector.spans.filter((span) => span.traceId === traceId);
		return new Set(spans.map(({ service, name }) => `${service}: ${name}`));
	};
	await until(() =>
		[
			"api: POST /api/orders",
			"orders: orders.place",
			"risk: risk.check",
			"trading: trading.submit",
			"trading: transaction",
			"events: handle orders.created",
			"audit: handle trading.execution_reported",
		].every((span) => passed().has(span)),
	);
});

test("a subscriber added and removed while orders flow gets exactly the events recorded between", async () => {
	const endpoint = await startReceiver();
	const flow = async (count: number) => {
		for (let i = 0; i < count; i++) await place(alice, { side: "buy", quantity: "0.0001", price: "10000" });
	};
	const created = async () => {
		const { body } = await send("GET /api/events?type=orders.created&limit=500", { token: admin });
		return body["items"] as { event_id: string }[];
	};
	const before = (await created()).length;
	await flow(3);
	await until(async () => (await created()).length === before + 3);
	const body = { url: endpoint.url, types: ["orders.created"] };
	const added = await send("POST /api/events/subscriptions", { token: alice.token, body });
	expect(added).toMatchObject({ status: 201, body: { secret: expect.stringMatching(/^whsec_/) } });
	await flow(5);
	await until(async () => (await created()).length === before + 8);
	const path = `/api/events/subscriptions/${String(added.body["subscription_id"])}`;
	expect(await send(`DELETE ${path}`, { token: alice.token })).toMatchObject({ status: 200 });
	await flow(3);
	await until(async () => (await created()).length === before + 11);
	await until(async () => {
		const { items } = (await send("GET /api/events/subscriptions", { token: alice.token })).body;
		return (items as unknown[]).length === 0;
	});
	await endpoint.stop();
	const received = endpoint.received.flatMap((message) => (JSON.parse(message.body) as { events: [] }).events);
	const expected = (await created()).slice(before + 3, before + 8).map(({ event_id }) => event_id);
	expect(received.map(({ event_id }) => event_id)).toEqual(expected);
});

test("a refusal keeps its status, code and data on its way over two nodes", async () => {
	const poor = await place(alice, { side: "buy", quantity: "1", price: "50000" });
	expect(poor).toMatchObject({ status: 403, body: { code: "INSUFFICIENT_FUNDS" } });
	const account = { username: "Alice", email: "other@example.com", password: "long-enough-to-pass" };
	expect(await send("POST /api/users", { body: account })).toMatchObject({
		status: 409,
		body: { code: "USERNAME_TAKEN" },
	});
	const number = await place(alice, { side: "buy", quantity: 1, price: "50000" });
	expect(number).toMatchObject({ status: 422, body: { errors: [{ pointer: "/quantity" }] } });
	await expect(call(joined, "users.get", { user_id: alice.user_id })).rejects.toMatchObject({
		code: 401,
		type: "UNAUTHENTICATED",
	});
});

test("the cluster tells of every node and what it serves", async () => {
	const { body } = await send("GET /api/health", { token: admin });
	expect(body).toMatchObject({ status: "ok" });
	expect(body["services"]).toEqual(SERVICE_NAMES.map((name) => ({ name, status: "ok", instances: 1 })));
	expect(body["dependencies"]).toContainEqual({ name: "nats", status: "ok", latency_ms: null });
});

test("the audit is verified and exported across processes, and tells who was refused", async () => {
	await send("GET /api/audit", { token: alice.token, headers: { "X-Request-Id": "refused" } });
	await until(async () => {
		const { body } = await send("GET /api/audit?request_id=refused", { token: admin });
		const [record] = body["items"] as readonly Record<string, unknown>[];
		return record?.["user_id"] === alice.user_id && record["result"] === "FORBIDDEN";
	});
	const verified = await send("GET /api/audit/verify", { token: admin });
	expect(verified).toMatchObject({ status: 200, body: { ok: true, witnessed: expect.any(Number) } });
	const headers = { Authorization: `Bearer ${admin}` };
	const exported = await (await fetch(`${nodes.baseUrl}/api/audit/export`, { headers })).text();
	const seqs = exported
		.split("\n")
		.filter(Boolean)
		.map((line) => (JSON.parse(line) as { seq: number }).seq);
	expect(seqs.length).toBeGreaterThan(Number(verified.body["records"]));
	expect(seqs).toEqual(seqs.map((_, i) => i + 1));
});

test("a service that was killed answers 503 with Retry-After, and serves again once it is back", async () => {
	await nodes.end("orders", "SIGKILL");
	const seen = new Set<number>();
	await until(async () => {
		const { status, headers, body } = await send("GET /api/orders", { token: alice.token });
		seen.add(status);
		return status === 503 && headers.has("Retry-After") && body["code"] === "SERVICE_UNAVAILABLE";
	}, FAILOVER_MS);
	// A call that was on its way to the dead node times out; nobody is ever told that there is no such thing.
	expect([...seen].every((status) => status === 503 || status === 504)).toBe(true);
	expect((await send("GET /health/ready")).status).toBe(503);

	nodes.start("orders");
	await until(() => answers("GET /api/orders", 200), START_MS).catch(nodes.withLogs);
	await until(() => answers("GET /health/ready", 200), START_MS);
	expect(await place(alice, { side: "buy", quantity: "0.001", price: "1000" })).toMatchObject({
		status: 201,
		body: { status: "open" },
	});
});

test("a service that no order needs is killed: the gateway says so, stays ready and takes orders", async () => {
	await nodes.end("notifications", "SIGKILL");
	await until(async () => {
		const { status, body } = await send("GET /health/ready");
		expect(status).toBe(200);
		return body["status"] === "degraded" && String(body["missing"]) === "notifications";
	}, FAILOVER_MS);
	expect(await place(alice, { side: "buy", quantity: "0.001", price: "1000" })).toMatchObject({ status: 201 });
	nodes.start("notifications");
	await until(async () => (await send("GET /health/ready")).body["status"] === "ok", START_MS).catch(nodes.withLogs);
});

test("a service that is asked to stop is missed at once", async () => {
	expect(await nodes.end("data", "SIGTERM")).toBe(0);
	const { status, headers } = await send("GET /api/data/instruments");
	expect(status).toBe(503);
	expect(headers.has("Retry-After")).toBe(true);
	nodes.start("data");
	await until(() => answers("GET /api/data/instruments", 200), START_MS);
});

test("a halt of a market reaches every process: what rests is canceled, what is new is denied", async () => {
	const resting = await place(alice, { side: "buy", quantity: "0.001", price: "1000" });
	expect(resting).toMatchObject({ status: 201, body: { status: "open" } });
	const halt = { scope: "symbol", id: "BTC-USD", mode: "halted", cancel_open: true, reason: "a test" };
	expect(await send("POST /api/risk/halt", { token: admin, body: halt })).toMatchObject({ status: 200 });
	expect(await place(alice, { side: "buy", quantity: "0.001", price: "1000" })).toMatchObject({
		status: 422,
		body: { code: "TRADING_HALTED" },
	});
	const order = `/api/orders/${String(resting.body["order_id"])}`;
	await until(async () => (await read(alice, order))["status"] === "canceled", FAILOVER_MS);
	const { scope, id } = halt;
	expect(await send("POST /api/risk/resume", { token: admin, body: { scope, id } })).toMatchObject({ status: 200 });
});

test("a misspelt service does not start as an empty node", async () => {
	const { code, output } = await runCliToEnd("service", { ...nodes.settings, SERVICES: "ordrs" });
	expect(code).toBe(1);
	expect(output).toMatch(/^SERVICES="ordrs" is wrong: .*orders.*\n$/);
});

test("every invariant holds in the end", async () => {
	const { code, output } = await runCliToEnd("verify", nodes.settings);
	expect([code, output]).toEqual([0, expect.stringContaining("All invariants hold")]);
});

async function answers(route: string, status: number): Promise<boolean> {
	return send(route, { token: alice?.token }).then(
		(reply) => reply.status === status,
		() => false,
	);
}

async function deposit({ user_id }: Member, asset: string, amount: string): Promise<void> {
	const headers = { "Idempotency-Key": `${user_id}-${asset}` };
	const reply = await send("POST /api/trading/deposits", { token: admin, headers, body: { user_id, asset, amount } });
	expect(reply).toMatchObject({ status: 201 });
}

function place({ token }: Member, order: Readonly<Record<string, unknown>>): Promise<Reply> {
	return send("POST /api/orders", { token, body: { symbol: "BTC-USD", ...order } });
}

async function read({ token }: Member, path: string): Promise<Reply["body"]> {
	return (await send(`GET ${path}`, { token })).body;
}

async function balancesOf({ token }: Member): Promise<Record<string, string>> {
	const { body } = await send("GET /api/trading/balances", { token });
	const balances = (body["items"] ?? body) as { asset: string; balance: string }[];
	return Object.fromEntries(balances.map(({ asset, balance }) => [asset, balance]));
}
