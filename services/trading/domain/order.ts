import type { Level } from "./levels.ts";

export type Side = "buy" | "sell";
export type ExecutionStatus = "open" | "partially_filled" | "filled" | "canceled" | "expired" | "rejected";
export type RejectReason =
	| "BOOK_FULL"
	| "INSUFFICIENT_FUNDS"
	| "MARKET_NOT_OPEN"
	| "NO_LIQUIDITY"
	| "SELF_TRADE_PREVENTED";

/** An order in execution. Its numbers change as commands touch it; what it may still cost is `hold`, in units. */
export interface ExecutionOrder {
	readonly orderId: string;
	readonly userId: string;
	readonly side: Side;
	/** Null for a market order. */
	readonly priceTicks: number | null;
	/** Whether what does not match at once stays in the book. */
	readonly rests: boolean;
	readonly quantityLots: number;
	filledLots: number;
	filledNotional: bigint;
	fee: bigint;
	hold: bigint;
	status: ExecutionStatus;
	rejectReason: RejectReason | null;
	reportSeq: number;
	/** Its place in time among the orders of the book. */
	arrivalSeq: number;
	/** Its place in the book, where it has one: its price, and its neighbours there. */
	level: Level | null;
	previous: ExecutionOrder | null;
	next: ExecutionOrder | null;
}

/** What has not been filled yet. */
export function remainingLots(order: ExecutionOrder): number {
	return order.quantityLots - order.filledLots;
}

/** Whether the order can still be filled. */
export function isWorking(order: ExecutionOrder): boolean {
	return order.status === "open" || order.status === "partially_filled";
}
