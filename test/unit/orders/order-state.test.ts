import {
	type Command,
	isTerminal,
	mayBecome,
	ROLES,
	type Role,
	STATUSES,
	type Status,
	takes,
} from "../../../services/orders/domain/order-state.ts";

const LEGAL: Record<Status, readonly Status[]> = {
	pending: ["held", "open", "partially_filled", "filled", "canceled", "expired", "rejected"],
	held: ["pending", "open", "partially_filled", "filled", "canceled", "expired", "rejected", "replaced"],
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

const WORKING = ["held", "open", "partially_filled"] as const;
const ASKED: Record<Command, { readonly by: readonly Role[]; readonly in: readonly Status[] }> = {
	cancel: { by: ["single", "oco", "oco_leg", "entry", "exit"], in: ["pending", ...WORKING] },
	expire: { by: ["single", "oco", "oco_leg", "entry", "exit"], in: ["pending", ...WORKING] },
	replace: { by: ["single"], in: WORKING },
	activate: { by: ["exit"], in: ["held"] },
};

test.each(
	(Object.keys(ASKED) as Command[]).flatMap((command) =>
		ROLES.flatMap((role) =>
			STATUSES.map((status) => {
				const { by, in: statuses } = ASKED[command];
				return [role, status, command, by.includes(role) && statuses.includes(status)] as const;
			}),
		),
	),
)("a %s order that is %s takes a %s: %s", (role, status, command, taken) => {
	expect(takes(role, status, command)).toBe(taken);
});
