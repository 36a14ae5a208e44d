/** The statuses that may follow each status; a terminal one is followed by none. */
const NEXT = {
	pending: ["held", "open", "partially_filled", "filled", "canceled", "expired", "rejected"],
	held: ["open", "partially_filled", "filled", "canceled", "expired", "rejected", "replaced"],
	open: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	partially_filled: ["partially_filled", "filled", "canceled", "expired", "replaced"],
	filled: [],
	canceled: [],
	expired: [],
	rejected: [],
	replaced: [],
} as const;

/** What may be asked of an order in each status. Trading has the last word: it may have moved on meanwhile. */
const TAKES = {
	pending: ["cancel", "expire"],
	held: ["cancel", "expire", "replace"],
	open: ["cancel", "expire", "replace"],
	partially_filled: ["cancel", "expire", "replace"],
	filled: [],
	canceled: [],
	expired: [],
	rejected: [],
	replaced: [],
} as const;

export type Command = (typeof TAKES)[Status][number];
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

/** Whether that may be asked of an order in this status. */
export function takes(status: Status, command: Command): boolean {
	return (TAKES[status] as readonly Command[]).includes(command);
}
