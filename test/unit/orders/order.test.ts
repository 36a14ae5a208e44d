import type { ExecutionReport, Fill } from "../../../contracts/trading.ts";
import { applyReport, type OrderRecord, reject, shown } from "../../../services/orders/domain/order.ts";
import { recordWith } from "../../support/orders.ts";

const AT = "2026-01-02T03:04:05.000Z";
const ORDER = recordWith({});

const fill = (seq: number, price: string, quantity: string): Fill => ({
	trade_id: `t${seq}`,
	order_id: "o1",
	user_id: "ann",
	symbol: "BTC-USD",
	side: "buy",
	liquidity: "taker",
	price,
	quantity,
	fee: "0",
	fee_asset: "USD",
	report_seq: seq,
	created_at: AT,
});
const report = (seq: number, over: Partial<ExecutionReport> = {}): ExecutionReport => ({
	order_id: "o1",
	user_id: "ann",
	symbol: "BTC-USD",
	previous_seq: seq - 1,
	report_seq: seq,
	status: "open",
	reject_code: null,
	replaced_by: null,
	quantity: "3",
	filled_quantity: "0",
	filled_notional: "0",
	fee: "0",
	fee_asset: "USD",
	fills: [],
	timestamp: AT,
	...over,
});
function applied(order: OrderRecord, next: ExecutionReport) {
	const result = applyReport(order, next);
	if (!result.ok) throw new Error(result.reason);
	return result;
}

test("a report that opens an order tells of its status alone", () => {
	const { order, events } = applied(ORDER, report(1));
	expect(order).toMatchObject({ status: "open", report_seq: 1, version: 2, event_seq: 2, closed_at: null });
	expect(events).toEqual([
		{ type: "orders.status_updated", aggregate_seq: 2, data: expect.objectContaining({ from: "pending", to: "open" }) },
	]);
});

test("a fill is told before the status it led to, with contiguous numbers", () => {
	const filled = report(1, {
		status: "filled",
		filled_quantity: "3",
		filled_notional: "299.99",
		fee: "0.6",
		fills: [fill(1, "99.99", "1"), fill(1, "100", "2")],
	});
	const { order, events } = applied(ORDER, filled);
	expect(order).toMatchObject({
		status: "filled",
		remaining_quantity: "0",
		average_price: "99.9966666667",
		fee: "0.6",
		closed_at: AT,
	});
	expect(events.map((event) => [event.type, event.aggregate_seq])).toEqual([
		["orders.executed", 2],
		["orders.status_updated", 3],
	]);
});

test("a report is applied once", () => {
	const { order } = applied(ORDER, report(1));
	expect(applyReport(order, report(1))).toEqual({ ok: false, reason: "ALREADY_APPLIED" });
});

test.each([
	["canceled", "0", "ALREADY_APPLIED"],
	["expired", "0", "ALREADY_APPLIED"],
	["canceled", "1", "ILLEGAL_TRANSITION"],
	["open", "0", "ILLEGAL_TRANSITION"],
] as const)(
	"an order that was denied and is %s with %s filled by its market: %s",
	(status, filled_quantity, reason) => {
		const denied = reject(ORDER, "MAX_OPEN_ORDERS", AT);
		if (!denied.ok) throw new Error(denied.reason);
		expect(applyReport(denied.order, report(1, { status, filled_quantity }))).toEqual({ ok: false, reason });
	},
);

test("a report ahead of its predecessor is too early; one that covers the gap tells of no fill twice", () => {
	const first = applied(
		ORDER,
		report(1, {
			status: "partially_filled",
			filled_quantity: "1",
			filled_notional: "100",
			fills: [fill(1, "100", "1")],
		}),
	).order;
	const third = report(3, {
		status: "filled",
		filled_quantity: "3",
		filled_notional: "300",
		fills: [fill(3, "100", "1")],
	});
	expect(applyReport(first, third)).toEqual({ ok: false, reason: "TOO_EARLY" });

	const whole = { ...third, previous_seq: 0, fills: [fill(1, "100", "1"), fill(2, "100", "1"), fill(3, "100", "1")] };
	const { events } = applied(first, whole);
	expect(events[0]).toMatchObject({
		type: "orders.executed",
		data: { fills: [{ trade_id: "t2" }, { trade_id: "t3" }], filled_quantity: "3", remaining_quantity: "0" },
	});
});

test("nothing follows the end of an order", () => {
	const { order } = applied(ORDER, report(1, { status: "canceled" }));
	expect(applyReport(order, report(2, { status: "open" }))).toEqual({ ok: false, reason: "ILLEGAL_TRANSITION" });
	expect(reject(order, "MAX_OPEN_ORDERS", AT)).toEqual({ ok: false, reason: "ILLEGAL_TRANSITION" });
});

test("a rejected order is closed and says why, once", () => {
	const result = reject(ORDER, "MAX_OPEN_ORDERS", AT);
	if (!result.ok) throw new Error(result.reason);
	expect(result.order).toMatchObject({ status: "rejected", reject_code: "MAX_OPEN_ORDERS", closed_at: AT });
	expect(reject(result.order, "MAX_OPEN_ORDERS", AT)).toEqual({ ok: false, reason: "ALREADY_APPLIED" });
});

test("what is shown of an order keeps the bookkeeping to itself", () => {
	expect(Object.keys(shown(ORDER))).not.toEqual(expect.arrayContaining(["report_seq"]));
	for (const inner of [
		"report_seq",
		"event_seq",
		"filled_notional",
		"ordered_quantity",
		"idempotency_key",
		"correlation_id",
	])
		expect(shown(ORDER)).not.toHaveProperty(inner);
});

test("a report that was staged before there were other kinds of order leaves the quantity as it is", () => {
	const { quantity: _quantity, replaced_by: _replaced, ...before } = report(1);
	const outcome = applyReport(ORDER, before as ExecutionReport);
	expect(outcome).toMatchObject({ ok: true, order: { status: "open", quantity: "3", remaining_quantity: "3" } });
	expect(outcome).toMatchObject({ order: { replaced_by: null } });
});
