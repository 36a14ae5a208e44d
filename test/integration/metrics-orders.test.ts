import { METRICS } from "../../lib/metrics/names.ts";
import { checkAccounts } from "../../services/trading/invariants.store.ts";
import { httpClient, join, type Member, type Send } from "../support/http-client.ts";
import { type Scrape, showMetrics } from "../support/metrics.ts";
import { operator } from "../support/operators.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let metrics: Scrape & { undo(): void };
let api: TestApi;
let send: Send;
let ann: Member;
let ben: Member;
let admin: { token: string };
beforeAll(async () => {
	metrics = await showMetrics();
	api = await startApi();
	send = httpClient(api.baseUrl);
	admin = await operator(api);
	[ann, ben] = await Promise.all([join(send, "ann"), join(send, "ben")]);
	await deposit(ann, "BTC", "10");
	await deposit(ben, "USD", "1000000");
});
afterAll(async () => {
	await api?.stop();
	metrics.undo();
});

async function deposit({ user_id }: Member, asset: string, amount: string): Promise<void> {
	const headers = { "Idempotency-Key": `${user_id}-${asset}` };
	const body = { user_id, asset, amount };
	expect(await send("POST /api/trading/deposits", { ...admin, headers, body })).toMatchObject({ status: 201 });
}

const place = ({ token }: Member, order: object) =>
	send("POST /api/orders", { token, body: { symbol: "BTC-USD", price: "60000", quantity: "1", ...order } });

test("a node shows every metric of the list, with its type, and of the cluster's gauges", async () => {
	const text = await metrics.text();
	for (const [name, { type }] of Object.entries(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
	expect(text).toContain("# TYPE moleculer_nodes_total gauge\n");
	expect(await metrics.value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
	expect(await metrics.value("process_cpu_seconds_total")).toBeGreaterThan(0);
});

test("orders are counted by what became of them, and timed at each stage", async () => {
	expect((await place(ann, { side: "sell" })).status).toBe(201);
	expect((await place(ann, { side: "sell", price: "60001" })).status).toBe(201);
	expect(await place(ben, { side: "buy", quantity: "1" })).toMatchObject({ status: 201, body: { status: "filled" } });
	expect((await place(ben, { side: "buy", quantity: "20" })).status).toBe(403);
	expect((await place(ben, { side: "buy", symbol: "NO-SUCH" })).status).toBe(422);

	expect(await metrics.value("orders_answered_total", { status: "open" })).toBe(2);
	expect(await metrics.value("orders_answered_total", { status: "filled" })).toBe(1);
	expect(await metrics.value("orders_refused_total", { code: "INSUFFICIENT_FUNDS" })).toBe(1);
	expect(await metrics.value("orders_refused_total", { code: "VALIDATION_FAILED" })).toBe(1);
	for (const [stage, times] of Object.entries({ keep: 4, risk: 4, trading: 4, apply: 4, total: 5 })) {
		expect([stage, await metrics.value("order_stage_duration_seconds_count", { stage })]).toEqual([stage, times]);
		expect(await metrics.value("order_stage_duration_seconds_sum", { stage })).toBeGreaterThan(0);
	}
	expect(await metrics.value("trades_total", { symbol: "BTC-USD" })).toBe(1);
});

test("the markets that a node writes are shown with their leases and books", async () => {
	expect(await metrics.value("markets_owned")).toBe(1);
	expect(await metrics.value("market_lease_epoch", { symbol: "BTC-USD" })).toBe(1);
	expect(await metrics.value("book_orders", { symbol: "BTC-USD", side: "sell" })).toBe(1);
	expect(await metrics.value("book_orders", { symbol: "BTC-USD", side: "buy" })).toBe(0);
});

test("requests are counted by service and the pattern of their route, and unknown ones under one name", async () => {
	await send("GET /api/orders/00000000-0000-4000-8000-000000000000", ann);
	await send("GET /api/orders/00000000-0000-4000-8000-000000000001", ann);
	await send("GET /api/anything/1");
	await send("GET /api/anything/2");
	await send("GET /health/live");
	const order = { service: "orders", endpoint: "/api/orders/:order_id" };
	expect(await metrics.value("http_requests_total", { ...order, method: "GET", status: "404" })).toBe(2);
	expect(await metrics.value("http_errors_total", { ...order, error_type: "NOT_FOUND" })).toBe(2);
	expect(await metrics.value("http_request_duration_seconds_count", order)).toBe(2);
	const unknown = { service: "api", endpoint: "unknown", method: "GET", status: "404" };
	expect(await metrics.value("http_requests_total", unknown)).toBe(2);
	expect(await metrics.value("http_requests_total", { endpoint: "/health/live", status: "200" })).toBe(1);
	expect(await metrics.value("active_connections", { service: "api" })).toBeGreaterThan(0);
	expect(await metrics.text()).not.toContain("anything");
});

test.each([
	["http_request_duration_seconds", 'endpoint="/api/orders"'],
	["order_stage_duration_seconds", 'stage="total"'],
])("%s is shown in at least 12 buckets", async (name, label) => {
	const lines = (await metrics.text()).split("\n");
	const buckets = lines.filter((line) => line.startsWith(`${name}_bucket{`) && line.includes(label));
	expect(buckets.length).toBeGreaterThanOrEqual(12);
});

test("pools, invariants and halts are watched", async () => {
	await until(
		async () => (await metrics.value("database_pool_connections", { service: "trading", state: "idle" })) > 0,
	);
	await until(async () => (await metrics.value("invariant_holds", { invariant: "I1" })) === 1);
	expect(await metrics.value("invariant_holds", { invariant: "I2" })).toBe(1);
	await until(async () => (await metrics.value("trading_halted", { scope: "global" })) === 0);
	const body = { scope: "symbol", id: "ETH-USD", mode: "halted", reason: "a test" };
	expect((await send("POST /api/risk/halt", { ...admin, body })).status).toBe(200);
	await until(async () => (await metrics.value("trading_halted", { scope: "symbol" })) === 1);
	expect(await metrics.value("trading_halted", { scope: "global" })).toBe(0);
});

test("money from nowhere, and money that somebody has not, is seen in the accounts", async () => {
	const { trading } = api.dbs;
	expect(await checkAccounts(trading)).toEqual({ I1: true, I2: true });
	await trading.query("UPDATE accounts SET balance = balance + 1 WHERE owner = 'external' AND asset = 'USD'");
	expect(await checkAccounts(trading)).toEqual({ I1: false, I2: true });
	await trading.query("ALTER TABLE accounts DROP CONSTRAINT accounts_solvent");
	await trading.query("UPDATE accounts SET held = balance + 1 WHERE owner = $1", [ben.user_id]);
	expect(await checkAccounts(trading)).toEqual({ I1: false, I2: false });
});
