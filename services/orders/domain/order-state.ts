/** The statuses that may follow each status; a terminal one is followed by none. */
const NEXT = {
	pending: ["held", "open", "partially_filled", "filled", "canceled", "expired", "rejected"],
	held: ["pending", "open", "partially_filled", "filled", "canceled", "expired", "rejected", "replaced"],
	open: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	partially_filled: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	filled: [],
	canceled: [],
	expired: [],
	rejected: [],
	replaced: [],
} as const;

/**
 * What an order is to those that belong with it: an `oco` has two legs, an `entry` one or two exits, and a `single` one
 * nobody.
 */
export const ROLES = ["single", "oco", "oco_leg", "entry", "exit"] as const;
export type Role = (typeof ROLES)[number];

const WORKING = ["held", "open", "partially_filled"] as const;

/**
 * In which statuses a command is taken, and by whom. Trading has the last word: it may have moved on meanwhile. What
 * belongs together is not replaced one by one; an exit is activated by the end of its entry.
 */
const COMMANDS = {
	cancel: { by: ROLES, in: ["pending", ...WORKING] },
	expire: { by: ROLES, in: ["pending", ...WORKING] },
	replace: { by: ["single"], in: WORKING },
	activate: { by: ["exit"], in: ["held"] },
} as const;

export type Command = keyof typeof COMMANDS;
export type Status = keyof typeof NEXT;
export const STATUSES = Object.keys(NEXT) as readonly Status[];

/** Whether an order may go from one status to the other. */
export function mayBecome(from: Status, to: Status): boolean {
	return (NEXT[from] as readonly Status[]).includes(to);
}

/** Whether an order has ended with this status. */
export function isTerminal(status: Status): boolean {
	return NEXT[status].length === 0;
}

/** Whether an order of that role takes a command in this status. */
export function takes(role: Role, status: Status, command: Command): boolean {
	const rule = COMMANDS[command];
	return (rule.by as readonly Role[]).includes(role) && (rule.in as readonly Status[]).includes(status);
}
