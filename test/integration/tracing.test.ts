import { call } from "../../lib/service.ts";
import { type CollectedSpan, type Collector, startCollector } from "../support/collector.ts";
import { httpClient, join, type Member, type Send } from "../support/http-client.ts";
import { type Scrape, showMetrics } from "../support/metrics.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN = "b7ad6b7169203331";

let collector: Collector;
let metrics: Scrape & { undo(): void };
let api: TestApi;
let send: Send;
let ann: Member;
beforeAll(async () => {
	collector = await startCollector();
	process.env["TRACING_URL"] = collector.url;
	metrics = await showMetrics();
	api = await startApi();
	send = httpClient(api.baseUrl);
	ann = await join(send, "ann");
});
afterAll(async () => {
	delete process.env["TRACING_URL"];
	metrics.undo();
	await api?.stop();
	await collector?.stop();
});

const traced = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
const found = (traceId: string, service: string, name: string): CollectedSpan | undefined =>
	traced(traceId).find((span) => span.service === service && span.name === name);

const order = { symbol: "BTC-USD", side: "buy", quantity: "0.1", price: "61234.5" };

test("an order is one trace over gateway, services, their transactions and those who hear of it", async () => {
	const headers = { traceparent: `00-${TRACE_ID}-${CLIENT_SPAN}-01`, "X-Request-Id": "my-own-id" };
	const admin = {
		user_id: "00000000-0000-4000-8000-000000000000",
		username: "a",
		roles: ["admin"],
		session_id: "s",
	} as const;
	const deposit = { user_id: ann.user_id, asset: "USD", amount: "100000", idempotency_key: "k" };
	await call(api.broker, "trading.deposit", deposit, { meta: { user: admin } });
	const placed = await send("POST /api/orders", { token: ann.token, body: order, headers });
	expect(placed).toMatchObject({ status: 201, body: { status: "open" } });
	expect(placed.headers.get("x-request-id")).toBe("my-own-id");
	expect(placed.headers.get("traceparent")).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));

	await until(() =>
		[
			["api", "POST /api/orders"],
			["orders", "orders.place"],
			["orders", "transaction"],
			["risk", "risk.check"],
			["risk", "transaction"],
			["trading", "trading.submit"],
			["trading", "transaction"],
			["orders", "handle trading.execution_reported"],
			["events", "handle orders.created"],
			["audit", "handle orders.created"],
		].every(([service = "", name = ""]) => found(TRACE_ID, service, name)),
	);
	const gateway = found(TRACE_ID, "api", "POST /api/orders");
	expect(gateway).toMatchObject({ parentSpanId: CLIENT_SPAN });
	expect(gateway?.attributes).toMatchObject({
		correlation_id: "my-own-id",
		"http.route": "/api/orders",
		"http.response.status_code": 201,
	});
	const place = found(TRACE_ID, "orders", "orders.place");
	expect(place?.parentSpanId).toBe(gateway?.spanId);
	expect(found(TRACE_ID, "risk", "risk.check")?.parentSpanId).toBe(place?.spanId);
	expect(found(TRACE_ID, "trading", "trading.submit")?.parentSpanId).toBe(place?.spanId);
	expect(found(TRACE_ID, "events", "handle orders.created")?.parentSpanId).toBe(place?.spanId);
	// Every span but the client's own is there: nothing hangs in the air.
	const ids = new Set(traced(TRACE_ID).map((span) => span.spanId));
	for (const { parentSpanId, name } of traced(TRACE_ID))
		expect([name, parentSpanId === CLIENT_SPAN || ids.has(parentSpanId)]).toEqual([name, true]);
});

test.each([
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
	"00-00000000000000000000000000000000-b7ad6b7169203331-01",
	"ff-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01",
	"nonsense",
])("a traceparent that is none is ignored: %s", async (traceparent) => {
	const { headers } = await send("GET /api/orders", { token: ann.token, headers: { traceparent } });
	const [, traceId = "", , flags] = headers.get("traceparent")?.split("-") ?? [];
	expect([traceId.length, flags]).toEqual([32, "01"]);
	expect(traceparent).not.toContain(traceId);
});

test("who asks not to be recorded is not, and keeps his trace", async () => {
	const unrecorded = "1af7651916cd43dd8448eb211c80319c";
	const headers = { traceparent: `00-${unrecorded}-${CLIENT_SPAN}-00` };
	const reply = await send("GET /api/orders", { token: ann.token, headers });
	expect(reply.headers.get("traceparent")).toMatch(new RegExp(`^00-${unrecorded}-[0-9a-f]{16}-00$`));
	const marker = await send("GET /api/orders", { token: ann.token });
	const [, later = ""] = marker.headers.get("traceparent")?.split("-") ?? [];
	await until(() => found(later, "orders", "orders.list") !== undefined);
	expect(traced(unrecorded)).toEqual([]);
});

test("probes are not traced", async () => {
	const { headers } = await send("GET /health/ready", { headers: { "X-Request-Id": "probe" } });
	expect(headers.has("traceparent")).toBe(false);
	const marker = await send("GET /api/orders", { token: ann.token });
	const [, later = ""] = marker.headers.get("traceparent")?.split("-") ?? [];
	await until(() => traced(later).length > 1);
	expect(collector.spans.filter(({ attributes }) => attributes["correlation_id"] === "probe")).toEqual([]);
});

test("spans say nothing of persons or secrets", () => {
	const text = JSON.stringify(collector.spans);
	expect(text).toContain("auth.login");
	for (const secret of [ann.username, ann.password, ann.token, ann.user_id, order.price])
		expect(text).not.toContain(secret);
});

test("a collector that hangs costs spans, which are counted, and no answers", async () => {
	collector.hang();
	expect((await send("GET /api/orders", { token: ann.token })).status).toBe(200);
	await until(async () => (await metrics.value("trace_spans_dropped_total")) > 0);
	expect((await send("GET /api/orders", { token: ann.token })).status).toBe(200);
});
