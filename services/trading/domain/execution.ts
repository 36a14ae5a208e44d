import type { Book } from "./book.ts";
import type { Conditions } from "./matching.ts";
import type { ExecutionOrder } from "./order.ts";
import type { Settlement } from "./settlement.ts";

/** A trade of this batch, with the two orders as they are to be told of it. */
export interface ExecutedTrade {
	readonly tradeId: string;
	readonly tradeSeq: number;
	readonly maker: ExecutionOrder;
	readonly taker: ExecutionOrder;
	readonly ticks: number;
	readonly lots: number;
	readonly makerFee: bigint;
	readonly takerFee: bigint;
	readonly makerReportSeq: number;
	readonly takerReportSeq: number;
}

/** An order as it stood after one command: a copy, since later commands may change the order again. */
export interface Report {
	readonly order: Readonly<ExecutionOrder>;
	readonly trades: readonly ExecutedTrade[];
}

/** All that one transaction works on: the owner's book, the accounts it has locked, and what comes of it. */
export interface Execution extends Settlement, Conditions {
	readonly book: Book;
	readonly newId: () => string;
	/** The last numbers given so far, and the last price. */
	tradeSeq: number;
	arrivalSeq: number;
	lastTicks: number | null;
	readonly trades: ExecutedTrade[];
	readonly reports: Report[];
	readonly changed: Map<string, ExecutionOrder>;
}

/** An execution that nothing has come of yet. */
export function beginExecution(scene: Omit<Execution, "trades" | "reports" | "changed">): Execution {
	return { ...scene, trades: [], reports: [], changed: new Map() };
}
