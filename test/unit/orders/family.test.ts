import type { OrderStatus } from "../../../contracts/orders.ts";
import { afterEnds, afterLegs, endWaiting, isWaiting, roleOf } from "../../../services/orders/domain/family.ts";
import type { Applied, OrderRecord } from "../../../services/orders/domain/order.ts";
import { STATUSES } from "../../../services/orders/domain/order-state.ts";
import { recordWith } from "../../support/orders.ts";

const AT = "2026-01-02T03:04:06.000Z";

test.each([
	["simple", null, "single"],
	["oco", null, "oco"],
	["oco", "p", "oco_leg"],
	["bracket", null, "entry"],
	["bracket", "p", "exit"],
] as const)("an order of class %s with parent %s is a %s", (order_class, parent_id, role) => {
	expect(roleOf({ order_class, parent_id })).toBe(role);
});

const exit = (over: Partial<OrderRecord> = {}) =>
	recordWith({ order_class: "bracket", parent_id: "p", status: "held", ...over });

test.each(STATUSES.flatMap((status) => [0, 1].map((report_seq) => [status, report_seq] as const)))(
	"an exit that is %s after %d reports waits for its entry only where no market has it",
	(status, report_seq) => {
		const waits = status === "held" && report_seq === 0;
		const order = exit({ status, report_seq });
		expect(isWaiting(order)).toBe(waits);
		expect(endWaiting(order, "canceled", AT)).toMatchObject(
			waits ? { ok: true, order: { status: "canceled", closed_at: AT } } : { ok: false, reason: "ALREADY_APPLIED" },
		);
	},
);

test("a stop that waits for a price is no exit that waits", () => {
	expect(isWaiting(recordWith({ status: "held" }))).toBe(false);
	expect(isWaiting(recordWith({ status: "held", order_class: "oco", parent_id: "p" }))).toBe(false);
});

const entry = (filled_quantity: string, over: Partial<OrderRecord> = {}) =>
	recordWith({ order_class: "bracket", status: "canceled", filled_quantity, ...over });

test("an exit follows its entry for as much as that has filled, or ends", () => {
	expect(afterEnds(exit(), { parent: entry("0.4") }, AT)).toMatchObject({
		ok: true,
		order: { status: "pending", quantity: "0.4", ordered_quantity: "0.4", remaining_quantity: "0.4", version: 2 },
		events: [{ type: "orders.status_updated", aggregate_seq: 2, data: { from: "held", to: "pending" } }],
	});
	for (const unfilled of [entry("0"), entry("0", { status: "rejected", reject_code: "TRADING_HALTED" })])
		expect(afterEnds(exit(), { parent: unfilled }, AT)).toMatchObject({
			ok: true,
			order: { status: "canceled", quantity: "3", reject_code: null },
		});
});

test("exits that wait end together, also when their entry ends filled at the same time", () => {
	for (const status of ["canceled", "expired"] as const)
		for (const parent of [undefined, entry("0.4")])
			expect(afterEnds(exit(), { parent, sibling: exit({ status }) }, AT)).toMatchObject({
				ok: true,
				order: { status },
			});
});

test("an exit on its way to its market, or in it, is not touched by other ends", () => {
	for (const over of [{ status: "pending" }, { status: "open", report_seq: 1 }] as const)
		for (const ends of [{ parent: entry("1") }, { parent: entry("0") }, { sibling: exit({ status: "canceled" }) }])
			expect(afterEnds(exit(over), ends, AT)).toMatchObject({ ok: false, reason: "ALREADY_APPLIED" });
});

test("the legs of an oco are turned away with it, and by nothing else", () => {
	const own = recordWith({ order_class: "oco", parent_id: "p" });
	const oco = (over: Partial<OrderRecord>) => recordWith({ order_class: "oco", ...over });
	const denied = oco({ status: "rejected", reject_code: "MAX_OPEN_ORDERS" });
	expect(afterEnds(own, { parent: denied }, AT)).toMatchObject({
		ok: true,
		order: { status: "rejected", reject_code: "MAX_OPEN_ORDERS" },
	});
	expect(afterEnds(own, { parent: oco({ status: "canceled" }) }, AT).ok).toBe(false);
	expect(afterEnds(own, {}, AT).ok).toBe(false);
});

const parent = (status: OrderStatus, filled = "0") =>
	recordWith({ order_class: "oco", status, quantity: "3", filled_quantity: filled, price: "110" });
/** A leg as `status filled`, at 100 and with a fee of 1 per unit. */
function leg(state: string): OrderRecord {
	const [status, filled] = state.split(" ") as [OrderStatus, string];
	const notional = String(Number(filled) * 100);
	const code = status === "rejected" ? ({ reject_code: "NO_LIQUIDITY" } as const) : {};
	return recordWith({
		order_class: "oco",
		status,
		filled_quantity: filled,
		filled_notional: notional,
		fee: filled,
		...code,
	});
}
const shown = (applied: Applied) =>
	applied.ok ? `${applied.order.status} ${applied.order.filled_quantity} of ${applied.order.quantity}` : applied.reason;

test.each([
	["pending 0", "pending 0", "pending 0", "ALREADY_APPLIED"],
	["pending 0", "open 0", "pending 0", "open 0 of 3"],
	["pending 0", "pending 0", "held 0", "open 0 of 3"],
	["pending 0", "canceled 0", "pending 0", "ALREADY_APPLIED"],
	["pending 0", "canceled 0", "canceled 0", "canceled 0 of 3"],
	["pending 0", "rejected 0", "rejected 0", "rejected 0 of 3"],
	["pending 0", "canceled 0", "rejected 0", "rejected 0 of 3"],
	["pending 0", "canceled 1", "rejected 0", "expired 1 of 3"],
	["pending 0", "filled 3", "canceled 0", "filled 3 of 3"],
	["open 0", "open 0", "held 0", "ALREADY_APPLIED"],
	["open 0", "partially_filled 1", "held 0", "partially_filled 1 of 3"],
	["open 0", "filled 3", "held 0", "partially_filled 3 of 3"],
	["open 0", "canceled 0", "held 0", "ALREADY_APPLIED"],
	["open 0", "canceled 0", "rejected 0", "expired 0 of 3"],
	["partially_filled 3", "filled 3", "canceled 0", "filled 3 of 3"],
	["partially_filled 1", "canceled 1", "open 0", "ALREADY_APPLIED"],
	["partially_filled 1", "canceled 1", "filled 2", "filled 3 of 3"],
	["partially_filled 1", "canceled 1", "expired 1", "expired 2 of 3"],
	["partially_filled 1", "canceled 1", "canceled 0", "canceled 1 of 3"],
	// Self-trade prevention has taken the rest off both.
	["partially_filled 1", "filled 2", "canceled 0", "filled 2 of 2"],
	["canceled 0", "canceled 0", "canceled 0", "ALREADY_APPLIED"],
	["rejected 0", "canceled 0", "canceled 0", "ALREADY_APPLIED"],
])("an oco that is %s with legs %s and %s becomes %s", (before, limit, stop, after) => {
	const [status, filled] = before.split(" ") as [OrderStatus, string];
	expect(shown(afterLegs(parent(status, filled), [leg(limit), leg(stop)], AT))).toBe(after);
});

test("an oco adds up what its legs have done", () => {
	expect(afterLegs(parent("open"), [leg("canceled 1"), leg("filled 2")], AT)).toMatchObject({
		ok: true,
		order: { filled_notional: "300", average_price: "100", fee: "3", remaining_quantity: "0", closed_at: AT },
		events: [{ type: "orders.status_updated", data: { from: "open", to: "filled" } }],
	});
	expect(afterLegs(parent("pending"), [leg("rejected 0"), leg("rejected 0")], AT)).toMatchObject({
		order: { reject_code: "NO_LIQUIDITY" },
	});
});
