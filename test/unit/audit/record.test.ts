import type { Envelope } from "../../../contracts/events.ts";
import { sha256 } from "../../../lib/kernel/sha256.ts";
import { draftOfEvent, draftOfSecurity, isRecorded } from "../../../services/audit/domain/record.ts";

const event = (over: Partial<Envelope>): Envelope => ({
	event_id: "01890000-0000-7000-8000-000000000001",
	type: "orders.created",
	source: "orders",
	timestamp: "2026-01-02T03:04:05.678Z",
	data: { order_id: "o" },
	aggregate_id: "o",
	aggregate_seq: 1,
	version: 1,
	correlation_id: "r",
	causation_id: null,
	actor: { user_id: "ann", ip: "10.0.0.1" },
	...over,
});

test("an event's record tells who did what, on what, from where, with which result, by which request and when", () => {
	expect(draftOfEvent(event({}))).toEqual({
		event_id: "01890000-0000-7000-8000-000000000001",
		time: "2026-01-02T03:04:05.678Z",
		user_id: "ann",
		action: "orders.created",
		object: "o",
		ip: "10.0.0.1",
		result: "ok",
		request_id: "r",
		data_hash: sha256('{"order_id":"o"}'),
		details: null,
	});
	expect(draftOfEvent(event({ actor: null }))).toMatchObject({ user_id: null, ip: null });
	expect(draftOfEvent(event({ actor: { user_id: "ann", ip: null } }))).toMatchObject({ user_id: "ann", ip: null });
});

const status = { order_id: "o", user_id: "u", symbol: "BTC-USD", from: "pending" };
const attempt = { user_id: null, username: "ann", ip: "10.9.9.9", user_agent: "curl" };
test.each([
	["a rejected order", "orders.status_updated", { ...status, to: "rejected", reject_code: "BOOK_FULL" }, "BOOK_FULL"],
	["an order that opens", "orders.status_updated", { ...status, to: "open", reject_code: null }, "ok"],
	["a rejected execution", "trading.execution_reported", { reject_code: "NO_LIQUIDITY" }, "NO_LIQUIDITY"],
	["a failed login", "auth.login_failed", { ...attempt, reason: "INVALID_CREDENTIALS" }, "INVALID_CREDENTIALS"],
	["a suspended user's", "auth.login_failed", { ...attempt, reason: "USER_SUSPENDED" }, "USER_SUSPENDED"],
	["anything else", "users.updated", { reason: "INVALID_CREDENTIALS", reject_code: "X" }, "ok"],
	["a type that nobody knows yet", "stars.counted", { n: 1 }, "ok"],
])("the result of %s is told by its data", (_what, type, data, result) => {
	expect(draftOfEvent(event({ type, data })).result).toBe(result);
});

test("a failed login comes from somewhere even when nobody is known by that name", () => {
	const data = { ...attempt, reason: "INVALID_CREDENTIALS" };
	expect(draftOfEvent(event({ type: "auth.login_failed", data, actor: null }))).toMatchObject({
		user_id: null,
		ip: "10.9.9.9",
	});
});

test.each([
	["auth.logged_in", true],
	["users.updated", true],
	["config.changed", true],
	["risk.limits_changed", true],
	["events.replayed", true],
	["notifications.webhook_added", true],
	["orders.created", false],
	["trading.trade_executed", false],
	["data.instrument_listed", false],
])("of %s the data are kept to be read: %s", (type, kept) => {
	const { details } = draftOfEvent(event({ type, data: { b: 1, a: "x" } }));
	expect(details).toBe(kept ? '{"a":"x","b":1}' : null);
});

test("data that are too long to be read are left to the history; their hash is kept all the same", () => {
	const dataOf = (length: number) => ({ a: "\u20ac".repeat(length) });
	const type = "config.changed";
	// {"a":""} and three bytes for each sign: 1,022 and 1,025.
	expect(draftOfEvent(event({ type, data: dataOf(338) })).details).toHaveLength(346);
	expect(draftOfEvent(event({ type, data: dataOf(339) }))).toMatchObject({
		details: null,
		data_hash: sha256(JSON.stringify(dataOf(339))),
	});
});

test("the audit's own events are not recorded: each would be followed by another", () => {
	expect(isRecorded({ type: "audit.anchored" })).toBe(false);
	expect(isRecorded({ type: "auth.logged_in" })).toBe(true);
});

test("what is no event has no data to be hashed", () => {
	const { event_id, time, user_id, action, object, ip, result, request_id } = draftOfEvent(event({}));
	const record = { event_id, time, user_id, action, object, ip, result, request_id };
	expect(draftOfSecurity({ ...record, details: { path: "/", method: "GET" } })).toEqual({
		...record,
		data_hash: null,
		details: '{"method":"GET","path":"/"}',
	});
	expect(draftOfSecurity({ ...record, details: null }).details).toBeNull();
});
