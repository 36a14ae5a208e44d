import * as answers from "./answers.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";

const page = { limit: "integer", cursor: "text" } as const;

/** What would be done twice heeds the key; money does not move without one. */
const idempotent = { "idempotency-key": { name: "idempotency_key", required: false } } as const;
const idempotentAlways = { "idempotency-key": { name: "idempotency_key", required: true } } as const;

/** A body over the limit holds a password that is too long, and is answered as that. */
const credentials = { body: true, oversized: "VALIDATION_FAILED" } as const;

const USERS = [
	endpoint("POST", "/api/users", "auth.register", {
		...credentials,
		registers: true,
		status: 201,
		answer: (user) => ({ headers: { Location: `/api/users/${user.user_id}` }, body: user }),
	}),
	endpoint("GET", "/api/users", "users.list", { query: page }),
	endpoint("GET", "/api/users/me", "users.me", { scope: "read" }),
	endpoint("GET", "/api/users/:user_id", "users.get", { scope: "read" }),
	endpoint("PUT", "/api/users/:user_id", "users.update", { body: true }),
	endpoint("POST", "/api/users/:user_id/suspend", "users.suspend"),
	endpoint("POST", "/api/users/:user_id/resume", "users.resume"),
];

const AUTH = [
	endpoint("POST", "/api/auth/login", "auth.login", { ...credentials, guarded: ({ username }) => String(username) }),
	endpoint("PUT", "/api/auth/password", "auth.changePassword", {
		...credentials,
		guarded: (_, user) => String(user?.username),
	}),
	endpoint("POST", "/api/auth/refresh", "auth.refresh", { body: true }),
	endpoint("POST", "/api/auth/logout", "auth.logout"),
	endpoint("GET", "/api/auth/sessions", "auth.sessions", { answer: answers.wholeList }),
	endpoint("DELETE", "/api/auth/sessions/:session_id", "auth.revokeSession"),
	endpoint("POST", "/api/auth/api-keys", "auth.createApiKey", {
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.repeatable,
	}),
	endpoint("GET", "/api/auth/api-keys", "auth.apiKeys", { answer: answers.wholeList }),
	endpoint("DELETE", "/api/auth/api-keys/:key_id", "auth.deleteApiKey"),
	endpoint("GET", "/.well-known/jwks.json", "auth.jwks", { answer: answers.publicKeys }),
];

const ORDERS = [
	endpoint("POST", "/api/orders", "orders.place", {
		scope: "trade",
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.placed,
	}),
	endpoint("GET", "/api/orders", "orders.list", { scope: "read", query: { ...page, status: "text", symbol: "text" } }),
	endpoint("DELETE", "/api/orders", "orders.cancelAll", {
		scope: "trade",
		query: { symbol: "text", side: "text" },
		status: 207,
		answer: answers.wholeList,
	}),
	endpoint("POST", "/api/orders/validate", "orders.validate", { scope: "trade", body: true }),
	endpoint("GET", "/api/orders/:order_id", "orders.get", { scope: "read" }),
	endpoint("PATCH", "/api/orders/:order_id", "orders.replace", { scope: "trade", body: true, answer: answers.placed }),
	endpoint("DELETE", "/api/orders/:order_id", "orders.cancel", { scope: "trade" }),
	endpoint("PUT", "/api/orders/:order_id/status", "orders.setStatus", { scope: "trade", body: true }),
	endpoint("GET", "/api/orders/by-client-id/:client_order_id", "orders.getByClientId", { scope: "read" }),
];

const TRADING = [
	endpoint("POST", "/api/trading/orders", "orders.place", {
		scope: "trade",
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.executed,
	}),
	endpoint("GET", "/api/trading/orders/:order_id", "orders.get", { scope: "read", answer: answers.executionOf }),
	endpoint("GET", "/api/trading/balances", "trading.balances", { scope: "read", answer: answers.wholeList }),
	endpoint("GET", "/api/trading/positions", "trading.positions", { scope: "read", answer: answers.wholeList }),
	endpoint("GET", "/api/trading/account", "trading.account", { scope: "read", query: { asset: "text" } }),
	endpoint("GET", "/api/trading/fills", "trading.fills", { scope: "read", query: { ...page, order_id: "text" } }),
	endpoint("GET", "/api/trading/ledger", "trading.ledger", { scope: "read", query: { ...page, asset: "text" } }),
	endpoint("POST", "/api/trading/deposits", "trading.deposit", {
		body: true,
		headers: idempotentAlways,
		status: 201,
		answer: answers.transferred,
	}),
	endpoint("POST", "/api/trading/withdrawals", "trading.withdraw", {
		body: true,
		headers: idempotentAlways,
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

const auditFilter = {
	user_id: "text",
	action: "text",
	object: "text",
	result: "text",
	request_id: "text",
	since: "text",
	until: "text",
} as const;

const NOTIFICATIONS = [
	endpoint("GET", "/api/notifications", "notifications.list", {
		scope: "read",
		query: { ...page, unread: "boolean", kind: "text" },
	}),
	endpoint("POST", "/api/notifications/read-all", "notifications.readAll"),
	endpoint("POST", "/api/notifications/:notification_id/read", "notifications.read"),
	endpoint("GET", "/api/notifications/preferences", "notifications.preferences", { scope: "read" }),
	endpoint("PUT", "/api/notifications/preferences", "notifications.setPreferences", { body: true }),
	endpoint("POST", "/api/notifications/webhooks", "notifications.addWebhook", {
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.repeatable,
	}),
	endpoint("GET", "/api/notifications/webhooks", "notifications.webhooks", {
		scope: "read",
		answer: answers.wholeList,
	}),
	endpoint("DELETE", "/api/notifications/webhooks/:webhook_id", "notifications.removeWebhook"),
	endpoint("GET", "/api/notifications/webhooks/:webhook_id/attempts", "notifications.deliveries", {
		scope: "read",
		query: page,
	}),
];

const EVENTS = [
	endpoint("GET", "/api/events", "events.query", {
		query: {
			after: "text",
			limit: "integer",
			type: "text",
			aggregate_id: "text",
			correlation_id: "text",
			since: "text",
			until: "text",
		},
	}),
	endpoint("GET", "/api/events/backlog", "events.backlog"),
	endpoint("POST", "/api/events/subscriptions", "events.subscribe", {
		body: true,
		headers: idempotent,
		status: 201,
		answer: answers.repeatable,
	}),
	endpoint("GET", "/api/events/subscriptions", "events.subscriptions", { scope: "read", answer: answers.wholeList }),
	endpoint("DELETE", "/api/events/subscriptions/:subscription_id", "events.unsubscribe"),
	endpoint("GET", "/api/events/dead-letters", "events.deadLetters", { query: { ...page, consumer: "text" } }),
	endpoint("GET", "/api/events/dead-letters/:consumer/:event_id", "events.deadLetter"),
	endpoint("DELETE", "/api/events/dead-letters/:consumer/:event_id", "events.discard"),
	endpoint("POST", "/api/events/dead-letters/redrive", "events.redrive", { body: true }),
	endpoint("POST", "/api/events/replay", "events.replay", {
		body: true,
		headers: idempotent,
		status: 202,
		answer: answers.repeatable,
	}),
	endpoint("GET", "/api/events/replay", "events.replays", { answer: answers.wholeList }),
	endpoint("GET", "/api/events/replay/:replay_id", "events.replayOf"),
];

const OPERATIONS = [
	endpoint("GET", "/api/risk/limits", "risk.limits", { scope: "read" }),
	endpoint("PUT", "/api/risk/limits/:scope", "risk.setLimits", { body: true }),
	endpoint("GET", "/api/risk/exposure", "risk.exposure", { scope: "read", answer: answers.wholeList }),
	endpoint("GET", "/api/risk/status", "risk.status", { scope: "read", query: page }),
	endpoint("POST", "/api/risk/halt", "risk.halt", { body: true }),
	endpoint("POST", "/api/risk/resume", "risk.resume", { body: true }),
	endpoint("GET", "/api/config", "config.list", { answer: answers.wholeList }),
	endpoint("GET", "/api/config/:key", "config.get"),
	endpoint("PUT", "/api/config/:key", "config.set", { body: true }),
	endpoint("GET", "/api/config/:key/history", "config.history", { answer: answers.wholeList }),
	endpoint("GET", "/api/audit", "audit.query", { query: { ...page, ...auditFilter } }),
	endpoint("GET", "/api/audit/verify", "audit.verify", { answer: answers.verification }),
	endpoint("GET", "/api/audit/export", "audit.export", {
		query: { ...auditFilter, format: "text" },
		answer: answers.exported,
		streams: true,
	}),
	endpoint("GET", "/api/health", "health.cluster"),
];

/** Every route to an action; there is no other way in from outside. Those without a `scope` are not for API keys. */
export const ENDPOINTS: readonly Endpoint[] = [
	...USERS,
	...AUTH,
	...ORDERS,
	...TRADING,
	...DATA,
	...EVENTS,
	...NOTIFICATIONS,
	...OPERATIONS,
];
