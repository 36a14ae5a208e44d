import type { Events } from "../../../contracts/index.ts";
import { newPlaceNotice, noticeOf } from "../../../services/notifications/domain/notices.ts";

const at = "2026-01-02T03:04:05.678Z";

function told<E extends keyof Events>(type: E, data: Events[E]) {
	return noticeOf({ event_id: "e1", type, timestamp: at, data });
}

const order = { order_id: "o1", user_id: "u1", symbol: "BTC-USD" } as const;
const executed = { ...order, side: "buy", fills: [], average_price: "60000" } as const;
const status = { ...order, reject_code: null };

test.each<[string, Events["orders.executed"], object]>([
	[
		"a part of an order",
		{ ...executed, filled_quantity: "0.4", remaining_quantity: "0.6" },
		{ kind: "order_partly_filled", key: "o1:0.4", title: "Order partly filled: bought 0.4 of BTC-USD" },
	],
	[
		"a whole order",
		{ ...executed, filled_quantity: "1", remaining_quantity: "0" },
		{ kind: "order_filled", key: "o1", title: "Order filled: bought 1 of BTC-USD" },
	],
	[
		"a whole order of a seller",
		{ ...executed, side: "sell", filled_quantity: "1", remaining_quantity: "0" },
		{ kind: "order_filled", title: "Order filled: sold 1 of BTC-USD" },
	],
])("fills of %s", (_what, data, notice) => {
	expect(told("orders.executed", data)).toMatchObject({ userId: "u1", at, ...notice });
});

test.each([
	["pending", "rejected", "order_rejected"],
	["pending", "open", null],
	["pending", "filled", null],
	["open", "partially_filled", null],
	["partially_filled", "filled", null],
	["open", "canceled", "order_canceled"],
	["partially_filled", "expired", "order_expired"],
	["open", "replaced", null],
	["pending", "held", null],
	["held", "open", "stop_triggered"],
	["held", "pending", null],
	["held", "partially_filled", "stop_triggered"],
	["held", "filled", "stop_triggered"],
	["held", "canceled", "order_canceled"],
	["held", "expired", "order_expired"],
	["held", "rejected", "order_rejected"],
	["held", "replaced", null],
])("an order that goes from %s to %s: %s", (from, to, kind) => {
	const notice = told("orders.status_updated", { ...status, from, to } as Events["orders.status_updated"]);
	expect(notice?.kind ?? null).toBe(kind);
	if (notice) expect(notice).toMatchObject({ userId: "u1", key: "o1", data: { order_id: "o1", status: to } });
});

test("a rejection tells why", () => {
	const data = { ...status, from: "pending", to: "rejected", reject_code: "INSUFFICIENT_FUNDS" } as const;
	expect(told("orders.status_updated", data)).toMatchObject({
		body: "Your order in BTC-USD has been rejected: INSUFFICIENT_FUNDS.",
		data: { reject_code: "INSUFFICIENT_FUNDS" },
	});
});

const halt = { mode: "halted", reason: "Maintenance.", cancel_open: true, by: "admin-1" } as const;
test.each<[object, object]>([
	[
		{ ...halt, scope: "user", id: "u1" },
		{ userId: "u1", kind: "trading_halted", title: "Your trading is halted" },
	],
	[
		{ ...halt, scope: "symbol", id: "BTC-USD" },
		{ userId: null, kind: "market_halted", title: "Trading in BTC-USD is halted" },
	],
	[
		{ ...halt, scope: "global", id: null, mode: "reducing", cancel_open: false },
		{ userId: null, kind: "market_halted", title: "Trading is restricted to reducing positions" },
	],
])("a halt of %j", (data, notice) => {
	const found = told("risk.trading_halted", data as Events["risk.trading_halted"]);
	expect(found).toMatchObject({ key: "e1", ...notice });
	expect(found?.body).toMatch(/^Maintenance\./);
	expect(JSON.stringify(found)).not.toContain("admin-1");
});

test("the end of a halt is told to those whom the halt was told to", () => {
	expect(told("risk.trading_resumed", { scope: "user", id: "u1", by: "a" })).toMatchObject({
		userId: "u1",
		kind: "trading_halted",
		title: "Your trading is resumed",
		data: { mode: "active" },
	});
	expect(told("risk.trading_resumed", { scope: "symbol", id: "BTC-USD", by: "a" })).toMatchObject({
		userId: null,
		kind: "market_halted",
		title: "Trading in BTC-USD is resumed",
	});
});

test("limits of one user are told to that user, those for all to nobody", () => {
	const limits = { max_order_notional: "1000", max_open_orders: null, updated_at: at };
	expect(told("risk.limits_changed", { ...limits, scope: "default" })).toBeNull();
	expect(told("risk.limits_changed", { ...limits, scope: "u1" })).toMatchObject({
		userId: "u1",
		kind: "limits_changed",
		body: "Largest order: 1000. Open orders: as for everybody.",
	});
});

test("a new API key is told with where it was made", () => {
	const data = { user_id: "u1", key_id: "k1", name: "bot", scopes: ["read", "trade"], ip: "192.0.2.1" } as const;
	expect(told("auth.key_created", data)).toMatchObject({
		userId: "u1",
		kind: "key_created",
		title: "New API key: bot",
		body: expect.stringMatching(
			/^The API key "bot" for read and trade was made from 192\.0\.2\.1\. If that was not you/,
		),
	});
});

test("what users write can neither break a line nor hide", () => {
	const name = "bot\r\nBcc: all@example.com\u202e\u200b\ud800";
	const data = { user_id: "u1", key_id: "k1", name, scopes: ["read"], ip: "192.0.2.1" } as const;
	expect(told("auth.key_created", data)?.title).toBe("New API key: bot Bcc: all@example.com ");
	const long = newPlaceNotice({ userId: "u1", sessionId: "s1", ip: "192.0.2.1", userAgent: "😀".repeat(9_000), at });
	expect(long.body.length).toBe(4_000);
	expect(long.body.isWellFormed()).toBe(true);
});

test("of what is none of a user's business nothing is told", () => {
	expect(told("config.changed", { key: "users.max_users", value: 1, version: 1, by: "a" })).toBeNull();
});
