import * as answers from "./answers.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";

const page = { limit: "integer", cursor: "text" } as const;
const idempotent = { "idempotency-key": "idempotency_key" };

/** A body over the limit holds a password that is too long, and is answered as that. */
const credentials = { body: true, oversized: "VALIDATION_FAILED" } as const;

const USERS = [
	endpoint("POST", "/api/users", "auth.register", {
		...credentials,
		status: 201,
		answer: (user) => ({ headers: { Location: `/api/users/${user.user_id}` }, body: user }),
	}),
	endpoint("GET", "/api/users", "users.list", { query: page }),
	endpoint("GET", "/api/users/me", "users.me"),
	endpoint("GET", "/api/users/:user_id", "users.get"),
	endpoint("PUT", "/api/users/:user_id", "users.update", { body: true }),
	endpoint("POST", "/api/users/:user_id/suspend", "users.suspend"),
	endpoint("POST", "/api/users/:user_id/resume", "users.resume"),
];

const AUTH = [
	endpoint("POST", "/api/auth/login", "auth.login", credentials),
	endpoint("POST", "/api/auth/refresh", "auth.refresh", { body: true }),
	endpoint("POST", "/api/auth/logout", "auth.logout"),
	endpoint("GET", "/api/auth/sessions", "auth.sessions", { answer: answers.wholeList }),
	endpoint("DELETE", "/api/auth/sessions/:session_id", "auth.revokeSession"),
	endpoint("GET", "/.well-known/jwks.json", "auth.jwks", { answer: answers.publicKeys }),
];

const ORDERS = [
	endpoint("POST", "/api/orders", "orders.place", { body: true, status: 201, answer: answers.placed }),
	endpoint("GET", "/api/orders", "orders.list", { query: { ...page, status: "text", symbol: "text" } }),
	endpoint("DELETE", "/api/orders", "orders.cancelAll", {
		query: { symbol: "text", side: "text" },
		status: 207,
		answer: answers.wholeList,
	}),
	endpoint("POST", "/api/orders/validate", "orders.validate", { body: true }),
	endpoint("GET", "/api/orders/:order_id", "orders.get"),
	endpoint("PATCH", "/api/orders/:order_id", "orders.replace", { body: true, answer: answers.placed }),
	endpoint("DELETE", "/api/orders/:order_id", "orders.cancel"),
	endpoint("PUT", "/api/orders/:order_id/status", "orders.setStatus", { body: true }),
	endpoint("GET", "/api/orders/by-client-id/:client_order_id", "orders.getByClientId"),
];

const TRADING = [
	endpoint("POST", "/api/trading/orders", "orders.place", { body: true, status: 201, answer: answers.executed }),
	endpoint("GET", "/api/trading/orders/:order_id", "orders.get", { answer: answers.executionOf }),
	endpoint("GET", "/api/trading/balances", "trading.balances", { answer: answers.wholeList }),
	endpoint("GET", "/api/trading/positions", "trading.positions", { answer: answers.wholeList }),
	endpoint("GET", "/api/trading/account", "trading.account", { query: { asset: "text" } }),
	endpoint("GET", "/api/trading/fills", "trading.fills", { query: { ...page, order_id: "text" } }),
	endpoint("GET", "/api/trading/ledger", "trading.ledger", { query: { ...page, asset: "text" } }),
	endpoint("POST", "/api/trading/deposits", "trading.deposit", {
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.transferred,
	}),
	endpoint("POST", "/api/trading/withdrawals", "trading.withdraw", {
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.transferred,
	}),
];

const DATA = [
	endpoint("GET", "/api/data/instruments", "data.instruments", { answer: answers.wholeList }),
	endpoint("GET", "/api/data/instruments/:symbol", "data.instrument"),
	endpoint("GET", "/api/data/:symbol/book", "data.book", { query: { depth: "integer" } }),
	endpoint("GET", "/api/data/:symbol/trades", "data.trades", { query: page }),
];

const OPERATIONS = [
	endpoint("GET", "/api/risk/limits", "risk.limits"),
	endpoint("PUT", "/api/risk/limits/:scope", "risk.setLimits", { body: true }),
	endpoint("GET", "/api/events", "events.query", {
		query: { after: "text", limit: "integer", type: "text", aggregate_id: "text", correlation_id: "text" },
	}),
	endpoint("GET", "/api/config", "config.list", { answer: answers.wholeList }),
	endpoint("GET", "/api/config/:key", "config.get"),
	endpoint("PUT", "/api/config/:key", "config.set", { body: true }),
	endpoint("GET", "/api/config/:key/history", "config.history", { answer: answers.wholeList }),
	endpoint("GET", "/api/health", "health.cluster"),
];

/** Every route to an action; there is no other way in from outside. */
export const ENDPOINTS: readonly Endpoint[] = [...USERS, ...AUTH, ...ORDERS, ...TRADING, ...DATA, ...OPERATIONS];
