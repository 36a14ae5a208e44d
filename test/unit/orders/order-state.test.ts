import { isTerminal, mayBecome, STATUSES, type Status } from "../../../services/orders/domain/order-state.ts";

const LEGAL: Record<Status, readonly Status[]> = {
	pending: ["held", "open", "partially_filled", "filled", "canceled", "expired", "rejected"],
	held: ["open", "partially_filled", "filled", "canceled", "expired", "rejected", "replaced"],
	open: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	partially_filled: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	filled: [],
	canceled: [],
	expired: [],
	rejected: [],
	replaced: [],
};

test.each(STATUSES.flatMap((from) => STATUSES.map((to) => [from, to, LEGAL[from].includes(to)] as const)))(
	"from %s to %s: %s",
	(from, to, legal) => {
		expect(mayBecome(from, to)).toBe(legal);
	},
);

test("an order has ended exactly when nothing may follow", () => {
	expect(STATUSES.filter(isTerminal)).toEqual(["filled", "canceled", "expired", "rejected", "replaced"]);
});
