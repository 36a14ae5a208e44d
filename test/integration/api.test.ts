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
		if (next instanceof Error) throw next;
		return next;
	},
});

const unavailable = { auth: "user", handler: () => Promise.reject(refuse("SERVICE_UNAVAILABLE")) } as const;

const KEY = { "X-Api-Key": "01980000-0000-7000-8000-00000000000a", "X-Api-Secret": "s".repeat(43) };
const keyPrincipal = {
	user_id: "u1",
	username: "ann",
	roles: ["trader"],
	key_id: KEY["X-Api-Key"],
	scopes: ["read", "trade"],
};
/** How often `auth` was asked about a key. */
let verifications = 0;
const verifyApiKey: ActionSchema = {
	auth: "internal",
	handler() {
		verifications += 1;
		return { principal: keyPrincipal, ip_allow: null };
	},
};

let api: StubApi;
let token: string;
beforeAll(async () => {
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
		auth: { verifyApiKey },
	});
	token = await api.token();
});
afterAll(() => api.stop());
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

test("a call with an API key carries whom it acts for, and auth is asked once for all of them", async () => {
	next = placement({});
	for (let i = 0; i < 20; i++) {
		expect(await api.send("POST /api/orders", { headers: KEY, body })).toMatchObject({ status: 201 });
	}
	expect(calls.map(({ meta }) => meta.user)).toEqual(Array.from({ length: 20 }, () => keyPrincipal));
	expect(verifications).toBe(1);
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
	["PUT /api/orders/o1", "GET, PATCH, DELETE, HEAD, OPTIONS"],
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
	expect(reply.headers.get("retry-after")).toBe(status === 503 ? "5" : null);
	expect(JSON.stringify(reply.body)).not.toMatch(/node-secret|SELECT|stack/);
});

test("a service that is not there at all is 503, not 404", async () => {
	const reply = await api.send("GET /api/events", { token });
	expect([reply.status, reply.body["code"], reply.headers.get("retry-after")]).toEqual([
		503,
		"SERVICE_UNAVAILABLE",
		"5",
	]);
});
