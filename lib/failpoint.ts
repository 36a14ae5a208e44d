/** Every place where a process can be made to die: before and after each commit of an order, and between the calls. */
export const FAILPOINTS = [
	"api.before_call",
	"api.before_answer",
	"orders.keep_before_commit",
	"orders.keep_after_commit",
	"orders.after_risk",
	"orders.after_trading",
	"orders.apply_before_commit",
	"orders.apply_after_commit",
	"orders.before_reply",
	"risk.before_commit",
	"risk.after_commit",
	"risk.before_reply",
	"trading.before_commit",
	"trading.after_commit",
	"trading.before_reply",
	"relay.after_publish",
	"consumer.before_commit",
	"consumer.after_commit",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** Where the process is to die, and at which passing of that place: the first is 1. */
export interface ArmedFailpoint {
	readonly name: Failpoint;
	readonly passing: number;
}

let armed: Failpoint | null = null;
let passingsLeft = 0;

/** Sets where this process dies, or with null that it does nowhere. */
export function armFailpoint(at: ArmedFailpoint | null): void {
	armed = at?.name ?? null;
	passingsLeft = at?.passing ?? 0;
}

/** Ends the process as `kill -9` does, at once, if it is armed to die here now. */
export function failpoint(name: Failpoint): void {
	if (armed !== name) return;
	passingsLeft -= 1;
	if (passingsLeft === 0) process.kill(process.pid, "SIGKILL");
}
