import http from "node:http";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type ActionParams, type ActionSchema, Errors } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { Order, Placement } from "../../contracts/orders.ts";
import { refuse } from "../../lib/refuse.ts";
import type { Access } from "../../lib/service.ts";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

const order: Partial<Order> = {
	order_id: "o1",
	status: "open",
	filled_quantity: "0",
	average_price: null,
	updated_at: "2026-01-02T03:04:05.678Z",
};
/** What the next call to the stub of `orders` or `trading` gives, or throws. */
let next: unknown;
let calls: { action: string; params: unknown; meta: Meta; requestID: string | null }[] = [];

const answer = (auth: Access, params?: ActionParams): ActionSchema => ({
	auth,
	...(params && { params: { $$strict: true, ...params } }),
	async handler(ctx) {
		calls.push({ action: ctx.action?.name ?? "", params: ctx.params, meta: ctx.meta, requestID: ctx.requestID });
		if (next === "slow") return delay(1_000, {});
		if (next instanceof Error) throw next;
		return next;
	},
});

const unavailable = { auth: "user", handler: () => Promise.reject(refuse("SERVICE_UNAVAILABLE")) } as const;

let api: StubApi;
let token: string;
beforeAll(async () => {
	process.env["CORS_ORIGINS"] = "https://app.example.com";
	api = await startStubApi({
		orders: {
			place: answer("user", { symbol: "string", side: { type: "enum", values: ["buy", "sell"] }, quantity: "string" }),
			get: answer("user", { order_id: "uuid" }),
			list: answer("user", {
				limit: { type: "number", integer: true, min: 1, max: 500, optional: true },
				status: { type: "string", optional: true },
			}),
			cancelAll: answer("user"),
		},
		trading: { fills: unavailable, balances: answer("internal"), deposit: answer("user") },
		config: { list: answer("admin") },
		data: { instruments: answer("public") },
	});
	token = await api.token();
});
afterAll(async () => {
	delete process.env["CORS_ORIGINS"];
	await api.stop();
});
beforeEach(() => {
	next = {};
	calls = [];
});

const body = { symbol: "BTC-USD", side: "buy", quantity: "1" };
const placement = (over: Partial<Order>, replayed = false): Placement => ({
	order: { ...order, ...over } as Order,
	replayed,
});

test("an order is answered with 201, where it is, and itself", async () => {
	next = placement({});
	const { status, headers, body: placed } = await api.send("POST /api/orders", { token, body });
	expect([status, headers.get("location"), headers.get("idempotency-replayed")]).toEqual([201, "/api/orders/o1", null]);
	expect(placed).toEqual(order);
});

test("an order on its way is answered with 202, one placed before as replayed", async () => {
	next = placement({ status: "pending" }, true);
	const { status, headers } = await api.send("POST /api/orders", { token, body });
	expect([status, headers.get("idempotency-replayed")]).toEqual([202, "true"]);
});

test.each([
	["INSUFFICIENT_FUNDS", 403],
	["MAX_OPEN_ORDERS", 422],
	["BOOK_FULL", 503],
] as const)("an order rejected for %s is answered with that", async (reject_code, status) => {
	next = placement({ status: "rejected", reject_code });
	for (const route of ["POST /api/orders", "POST /api/trading/orders"]) {
		const reply = await api.send(route, { token, body });
		expect(reply).toMatchObject({ status, body: { code: reject_code, order_id: "o1", status } });
		expect(reply.headers.get("content-type")).toBe("application/problem+json");
	}
});

test("an order's execution has the seed's fields", async () => {
	next = placement({});
	const reply = await api.send("POST /api/trading/orders", { token, body });
	expect(reply).toMatchObject({ status: 201 });
	expect(reply.body).toEqual({
		order_id: "o1",
		status: "open",
		timestamp: order.updated_at,
		filled_quantity: "0",
		average_price: null,
		fills: [],
	});
});

test("an order that is placed but whose fills cannot be read is not told as not placed", async () => {
	next = placement({ filled_quantity: "1", status: "filled" });
	const reply = await api.send("POST /api/trading/orders", { token, body });
	expect(reply).toMatchObject({ status: 504, body: { code: "OUTCOME_UNKNOWN", order_id: "o1" } });
});

test("lists that come whole look like pages", async () => {
	next = [{ order_id: "o1", order: null, code: "NOT_FOUND" }];
	const reply = await api.send("DELETE /api/orders", { token });
	expect([reply.status, reply.body]).toEqual([207, { items: next, next_cursor: null }]);
	next = { items: [] };
	expect((await api.send("GET /api/data/instruments")).body).toEqual({ items: [], next_cursor: null });
});

test("a call carries the caller, a deadline and the request's id", async () => {
	await api.send("GET /api/orders?limit=5&status=open", {
		token,
		headers: { "X-Request-Id": "my-id.1", "User-Agent": "test" },
	});
	const user = { user_id: "u1", username: "ann", roles: ["trader"], session_id: "s-" };
	expect(calls).toEqual([
		{
			action: "orders.list",
			params: { limit: 5, status: "open" },
			requestID: "my-id.1",
			meta: { user, deadline: expect.any(Number), client: { ip: "127.0.0.1", user_agent: "test" } },
		},
	]);
	const left = (calls[0]?.meta.deadline ?? 0) - Date.now();
	expect(left).toBeGreaterThan(3_000);
	expect(left).toBeLessThanOrEqual(5_000);
});

test("headers that claim to be somebody change nothing", async () => {
	const headers = { "X-User-Id": "root", "X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1" };
	expect(await api.send("GET /api/orders", { headers })).toMatchObject({ status: 401 });
	await api.send("GET /api/orders", { headers, token });
	expect(calls).toMatchObject([{ meta: { user: { user_id: "u1" }, client: { ip: "127.0.0.1" } } }]);
});

test.each([
	["GET /api/orders", 401, "UNAUTHENTICATED"],
	["GET /api/config", 401, "UNAUTHENTICATED"],
	["GET /api/nothing", 404, "NOT_FOUND"],
	["GET /", 404, "NOT_FOUND"],
	["GET /api/orders/%ff", 400, "MALFORMED_REQUEST"],
	["GET /orders/list", 404, "NOT_FOUND"],
	["GET /api/~node/health", 404, "NOT_FOUND"],
	["GET /$node/health", 404, "NOT_FOUND"],
])("%s without a token: %i %s", async (route, status, code) => {
	const reply = await api.send(route);
	expect(reply).toMatchObject({ status, body: { status, code, request_id: reply.headers.get("x-request-id") } });
	expect(calls).toEqual([]);
});

test.each([["Bearer"], ["Bearer "], ["Basic dTpw"], ["Bearer a b"], ["Bearer x.y.z"]])(
	"Authorization: %j is nobody",
	async (authorization) => {
		const reply = await api.send("GET /api/orders", { headers: { Authorization: authorization } });
		expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
	},
);

test("a user on an admin's route is refused, an admin is served", async () => {
	expect(await api.send("GET /api/config", { token })).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	next = { items: [] };
	expect(await api.send("GET /api/config", { token: await api.token("admin") })).toMatchObject({ status: 200 });
});

test("a route to what is only for services leads nowhere", async () => {
	const reply = await api.send("GET /api/trading/balances", { token });
	expect(reply.status).toBe(503);
	expect(calls).toEqual([]);
});

test("an ended session is out within five seconds", async () => {
	const doomed = await api.token("auditor");
	expect(await api.send("GET /api/orders", { token: doomed })).toMatchObject({ status: 200 });
	api.ended.push("s-auditor");
	await until(
		async () => (await api.send("GET /api/orders", { token: doomed })).body["code"] === "SESSION_REVOKED",
		5_000,
	);
	expect(await api.send("GET /api/orders", { token })).toMatchObject({ status: 200 });
});

test.each([
	["PATCH /api/orders", "GET, POST, DELETE, HEAD, OPTIONS"],
	["PUT /api/orders/o1", "GET, DELETE, HEAD, OPTIONS"],
	["GET /api/orders/o1/status", "PUT, OPTIONS"],
	["DELETE /health", "GET, HEAD, OPTIONS"],
])("the wrong verb of %s is told the right ones: %s", async (route, allowed) => {
	const reply = await api.send(route, { token });
	expect(reply).toMatchObject({ status: 405, body: { code: "METHOD_NOT_ALLOWED" } });
	expect(reply.headers.get("allow")?.split(", ").toSorted()).toEqual(allowed.split(", ").toSorted());
});

test("unknown fields and parameters are refused before anything is called", async () => {
	for (const name of ["role", "status", "balance", "user_id", "filled_quantity"]) {
		const reply = await api.send("POST /api/orders", { token, body: { ...body, [name]: "x" } });
		expect(reply).toMatchObject({ status: 422, body: { code: "UNKNOWN_FIELD", errors: [{ pointer: `/${name}` }] } });
	}
	expect(await api.send("GET /api/orders?sort=price", { token })).toMatchObject({
		status: 422,
		body: { code: "UNKNOWN_FIELD" },
	});
	expect(await api.send("POST /api/orders?side=sell", { token, body })).toMatchObject({
		status: 422,
		body: { code: "UNKNOWN_FIELD" },
	});
	expect(calls).toEqual([]);
});

test.each(["limit=-1", "limit=0", "limit=1e9", "limit=abc", "limit=1&limit=2", "limit[]=1"])(
	"?%s is refused",
	async (query) => {
		expect(await api.send(`GET /api/orders?${query}`, { token })).toMatchObject({ status: 422 });
		expect(calls).toEqual([]);
	},
);

test.each([
	["malformed JSON", "{", {}, 400, "MALFORMED_REQUEST"],
	["__proto__", '{"__proto__":{"symbol":"x"}}', {}, 400, "MALFORMED_REQUEST"],
	["a form", "symbol=BTC-USD", { "Content-Type": "application/x-www-form-urlencoded" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
	["20 KB", JSON.stringify({ symbol: "x".repeat(20_000) }), {}, 413, "BODY_TOO_LARGE"],
])("a body of %s is refused, and the next request is served", async (_what, text, headers, status, code) => {
	expect(await api.send("POST /api/orders", { token, body: text, headers })).toMatchObject({ status, body: { code } });
	expect(await api.send("GET /health/live")).toMatchObject({ status: 200 });
	expect(calls).toEqual([]);
});

test("a missing Idempotency-Key is told", async () => {
	const reply = await api.send("POST /api/trading/deposits", { token, body: { asset: "USD", amount: "1" } });
	expect(reply).toMatchObject({
		status: 422,
		body: { code: "VALIDATION_FAILED", errors: [{ pointer: "/idempotency_key", code: "REQUIRED" }] },
	});
	next = { transfer: { transfer_id: "t1" }, replayed: true };
	const second = await api.send("POST /api/trading/deposits", {
		token,
		body: { asset: "USD", amount: "1" },
		headers: { "Idempotency-Key": "k1" },
	});
	expect([second.status, second.headers.get("idempotency-replayed"), second.body]).toEqual([
		201,
		"true",
		{ transfer_id: "t1" },
	]);
});

test.each([
	[
		"a service that is away",
		"GET",
		new Errors.ServiceNotAvailableError({ action: "x", nodeID: "node-secret" }),
		503,
		"SERVICE_UNAVAILABLE",
	],
	[
		"a full queue",
		"POST",
		new Errors.QueueIsFullError({ action: "x", nodeID: "node-secret" }),
		503,
		"SERVICE_UNAVAILABLE",
	],
	[
		"a write without an answer",
		"POST",
		new Errors.RequestTimeoutError({ action: "x", nodeID: "node-secret" }),
		504,
		"OUTCOME_UNKNOWN",
	],
	[
		"a read without an answer",
		"GET",
		new Errors.RequestTimeoutError({ action: "x", nodeID: "node-secret" }),
		504,
		"DEADLINE_EXCEEDED",
	],
	["a bug", "POST", new Error("node-secret: SELECT password FROM users"), 500, "INTERNAL_ERROR"],
	["a refusal", "POST", refuse("CLIENT_ORDER_ID_REUSED"), 409, "CLIENT_ORDER_ID_REUSED"],
])("%s is told by status and code, and no more", async (_what, method, error, status, code) => {
	next = error;
	const reply = await api.send(`${method} /api/orders`, { token, ...(method === "POST" && { body }) });
	expect(reply).toMatchObject({ status, body: { status, code, instance: "/api/orders" } });
	expect(reply.headers.get("content-type")).toBe("application/problem+json");
	expect(reply.headers.get("retry-after")).toBe(status === 503 ? "2" : null);
	expect(JSON.stringify(reply.body)).not.toMatch(/node-secret|SELECT|stack/);
});

test("a service that is not there at all is 503, not 404", async () => {
	const reply = await api.send("GET /api/events", { token });
	expect([reply.status, reply.body["code"], reply.headers.get("retry-after")]).toEqual([
		503,
		"SERVICE_UNAVAILABLE",
		"2",
	]);
});

test.each([
	["an id of its own", "abc-1_2.3", "abc-1_2.3"],
	["an overlong id", "x".repeat(65), null],
	["an id with spaces", "a b", null],
])("a request with %s", async (_what, given, kept) => {
	const { headers } = await api.send("GET /health", {
		headers: { "X-Request-Id": given, "X-Correlation-Id": "other" },
	});
	expect(headers.get("x-request-id")).toEqual(kept ?? expect.stringMatching(/^[0-9a-f-]{36}$/));
});

test("every answer carries the headers that keep browsers from harm", async () => {
	for (const route of [
		"GET /health",
		"GET /api/nothing",
		"GET /api/orders",
		"GET /api/data/instruments",
		"OPTIONS /api/orders",
	]) {
		const { headers } = await api.send(route);
		expect(Object.fromEntries(headers)).toMatchObject({
			"cache-control": "no-store",
			"x-content-type-options": "nosniff",
			"content-security-policy": "default-src 'none'; frame-ancestors 'none'",
			"x-request-id": expect.any(String),
		});
		expect(headers.get("x-powered-by")).toBeNull();
	}
});

test("HEAD is GET without the body", async () => {
	const response = await fetch(`${api.baseUrl}/health`, { method: "HEAD" });
	expect([response.status, await response.text()]).toEqual([200, ""]);
	expect(Number(response.headers.get("content-length"))).toBeGreaterThan(10);
});

const preflight = { "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" };
test("pages of an allowed origin may ask, and read also refusals", async () => {
	const Origin = "https://app.example.com";
	const asked = await api.send("OPTIONS /api/orders", { headers: { Origin, ...preflight } });
	expect(asked.status).toBe(204);
	expect(asked.headers.get("access-control-allow-origin")).toBe(Origin);
	expect(asked.headers.get("access-control-allow-methods")).toContain("POST");
	const refused = await api.send("GET /api/orders", { headers: { Origin } });
	expect([refused.status, refused.headers.get("access-control-allow-origin"), refused.headers.get("vary")]).toEqual([
		401,
		Origin,
		"Origin",
	]);
});

test.each([
	"https://app.example.co",
	"https://app.example.com.evil.com",
	"https://evil-app.example.com",
	"http://app.example.com",
	"https://app.example.com:8443",
	"app.example.com",
	"null",
	"*",
	"",
])("the origin %j gets no word of CORS", async (Origin) => {
	for (const route of ["OPTIONS /api/orders", "GET /health"]) {
		const { headers } = await api.send(route, { headers: { Origin, ...preflight } });
		expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
	}
});

test("OPTIONS runs nothing", async () => {
	for (const headers of [{}, preflight, { ...preflight, Origin: "https://evil.com" }]) {
		expect(await api.send("OPTIONS /api/data/instruments", { headers })).toMatchObject({ status: 204 });
		expect(await api.send("OPTIONS /api/orders", { token, headers, body })).toMatchObject({ status: 204 });
	}
	expect(calls).toEqual([]);
});

test("it is healthy, alive, and ready once all are there", async () => {
	expect((await api.send("GET /health")).body).toEqual({
		service: "api",
		status: "degraded",
		timestamp: expect.any(String),
	});
	const reply = await api.send("GET /health/ready");
	expect(reply).toMatchObject({
		status: 503,
		body: { code: "NOT_READY", detail: "Waiting for health, events, risk, users" },
	});
	process.env["SERVICES"] = "api,auth,orders";
	expect(await api.send("GET /health/ready")).toMatchObject({ status: 200, body: { status: "ok" } });
	delete process.env["SERVICES"];
});

test("a client that never finishes its headers or its body is cut off", async () => {
	const url = new URL(api.baseUrl);
	const opened = (text: string) =>
		new Promise<number>((resolve) => {
			const startMs = performance.now();
			const socket = net.connect(Number(url.port), url.hostname, () => socket.write(text));
			socket.on("error", () => {});
			socket.resume().on("close", () => resolve(performance.now() - startMs));
		});
	const [headers, longBody] = await Promise.all([
		opened("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "),
		opened(
			`POST /api/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
		),
	]);
	expect(headers).toBeLessThan(15_000);
	expect(longBody).toBeLessThan(15_000);
});

test("stopping, it finishes what it began and takes no more", async () => {
	const stopping = await startStubApi({ orders: { list: answer("user") } });
	const agent = new http.Agent({ keepAlive: true });
	const get = (path: string, headers = {}) =>
		new Promise<number>((resolve, reject) => {
			http
				.get(stopping.baseUrl + path, { agent, headers }, (response) =>
					response.resume().on("end", () => resolve(response.statusCode ?? 0)),
				)
				.on("error", reject);
		});
	expect(await get("/health/live")).toBe(200);
	next = "slow";
	const inFlight = get("/api/orders", { Authorization: `Bearer ${await stopping.token()}` });
	await until(() => calls.length > 0);
	const startMs = performance.now();
	const stopped = stopping.stop();
	expect(await inFlight).toBe(200);
	await stopped;
	expect(performance.now() - startMs).toBeLessThan(5_000);
	await expect(get("/health/live")).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);
});
