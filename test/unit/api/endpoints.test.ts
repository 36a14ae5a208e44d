import type { Principal, Scope } from "../../../contracts/index.ts";
import { assertInScope, endpoint, pathParameters } from "../../../services/api/endpoint.ts";
import { ENDPOINTS } from "../../../services/api/endpoints.ts";

test("no route is there twice", () => {
	const routes = ENDPOINTS.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, ":")}`);
	expect(new Set(routes).size).toBe(routes.length);
	expect(routes.length).toBeGreaterThan(30);
});

test("what is got changes nothing and has no body", () => {
	expect(ENDPOINTS.filter(({ method, body, headers }) => method === "GET" && (body || headers))).toEqual([]);
});

test("no parameter has two places to come from", () => {
	for (const { path, query = {}, headers = {} } of ENDPOINTS) {
		const names = [...pathParameters(path), ...Object.keys(query), ...Object.values(headers).map(({ name }) => name)];
		expect(new Set(names).size).toBe(names.length);
	}
});

/** Done twice they leave things as they are after once, keep nothing, or are anybody's. */
const WITHOUT_IDEMPOTENCY_KEY = [
	"POST /api/auth/login",
	"POST /api/auth/logout",
	"POST /api/auth/refresh",
	"POST /api/events/dead-letters/redrive",
	"POST /api/notifications/:notification_id/read",
	"POST /api/notifications/read-all",
	"POST /api/orders/validate",
	"POST /api/risk/halt",
	"POST /api/risk/resume",
	"POST /api/users",
	"POST /api/users/:user_id/resume",
	"POST /api/users/:user_id/suspend",
];

test("every POST heeds an Idempotency-Key, and needs it to move money, but for those that need none", () => {
	const posts = ENDPOINTS.filter(({ method }) => method === "POST");
	const routesOf = (required: boolean | undefined) =>
		posts
			.filter(({ headers }) => headers?.["idempotency-key"]?.required === required)
			.map(({ method, path }) => `${method} ${path}`)
			.toSorted();
	expect(routesOf(undefined)).toEqual(WITHOUT_IDEMPOTENCY_KEY);
	expect(routesOf(true)).toEqual(["POST /api/trading/deposits", "POST /api/trading/withdrawals"]);
	expect(routesOf(false).length).toBeGreaterThan(5);
});

/** What API keys may do, route by route; nothing else is for them. */
const FOR_KEYS = {
	read: [
		"GET /api/users/me",
		"GET /api/users/:user_id",
		"GET /api/events/subscriptions",
		"GET /api/notifications",
		"GET /api/notifications/preferences",
		"GET /api/notifications/webhooks",
		"GET /api/notifications/webhooks/:webhook_id/attempts",
		"GET /api/orders",
		"GET /api/orders/:order_id",
		"GET /api/orders/by-client-id/:client_order_id",
		"GET /api/trading/orders/:order_id",
		"GET /api/trading/account",
		"GET /api/trading/balances",
		"GET /api/trading/positions",
		"GET /api/trading/fills",
		"GET /api/trading/ledger",
		"GET /api/risk/exposure",
		"GET /api/risk/limits",
		"GET /api/risk/status",
	],
	trade: [
		"POST /api/orders",
		"DELETE /api/orders",
		"POST /api/orders/validate",
		"DELETE /api/orders/:order_id",
		"PATCH /api/orders/:order_id",
		"PUT /api/orders/:order_id/status",
		"POST /api/trading/orders",
	],
} as const;

test.each(["read", "trade"] as const)("an API key with the scope %s may do exactly what is listed", (wanted) => {
	const routes = ENDPOINTS.filter(({ scope }) => scope === wanted).map(({ method, path }) => `${method} ${path}`);
	expect(routes.toSorted()).toEqual(FOR_KEYS[wanted].toSorted());
});

test("no API key manages who somebody is, or money", () => {
	const managing = ENDPOINTS.filter(({ action }) => /^auth\.|^users\.update|\.(?:deposit|withdraw)$/.test(action));
	expect(managing.length).toBeGreaterThan(10);
	expect(managing.filter(({ scope }) => scope !== undefined)).toEqual([]);
});

test("the scope read is for what is got, and for nothing else", () => {
	expect(ENDPOINTS.filter(({ scope, method }) => scope && (scope === "read") !== (method === "GET"))).toEqual([]);
});

const session = { user_id: "u", username: "ann", roles: ["trader"], session_id: "s" } as const;
const withKey = (...scopes: Scope[]): Principal => ({
	user_id: "u",
	username: "ann",
	roles: ["trader"],
	key_id: "k",
	scopes,
});

test.each([
	["read", "read", null],
	["trade", "trade", null],
	["trade", "read", "The API key lacks the scope read"],
	["read", "trade", "The API key lacks the scope trade"],
	["read", undefined, "No API key may do this: log in"],
] as const)("a key with the scope %s on a route for %s: %s", (has, scope, refusal) => {
	const route = endpoint("GET", "/api/x", "users.me", scope ? { scope } : {});
	const ask = () => assertInScope(route, withKey(has));
	if (refusal === null) expect(ask).not.toThrow();
	else expect(ask).toThrow(expect.objectContaining({ code: 403, type: "FORBIDDEN", message: refusal }));
	expect(() => assertInScope(route, session)).not.toThrow();
});
