import {
	type Command,
	isTerminal,
	mayBecome,
	STATUSES,
	type Status,
	takes,
} from "../../../services/orders/domain/order-state.ts";

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

const ASKED: Record<Command, readonly Status[]> = {
	cancel: ["pending", "held", "open", "partially_filled"],
	expire: ["pending", "held", "open", "partially_filled"],
	replace: ["held", "open", "partially_filled"],
};

test.each(
	(Object.keys(ASKED) as Command[]).flatMap((command) =>
		STATUSES.map((status) => [status, command, ASKED[command].includes(status)] as const),
	),
)("an order that is %s takes a %s: %s", (status, command, taken) => {
	expect(takes(status, command)).toBe(taken);
});
