import type {
	OrderStatus,
	OrderType,
	RejectCode,
	SelfTradePrevention,
	Side,
	TimeInForce,
} from "../../../contracts/orders.ts";
import type { Level } from "./levels.ts";

export type { OrderType, SelfTradePrevention, Side, TimeInForce } from "../../../contracts/orders.ts";
export type ExecutionStatus = Exclude<OrderStatus, "pending">;
/** The other codes are risk's. */
export type RejectReason = Exclude<RejectCode, "MAX_OPEN_ORDERS" | "MAX_ORDER_NOTIONAL" | "TRADING_HALTED">;

/** What its user asked for: it stays as it is. */
export interface OrderTerms {
	readonly orderId: string;
	readonly userId: string;
	readonly side: Side;
	readonly orderType: OrderType;
	readonly timeInForce: TimeInForce;
	/** Null for an order that takes any price. */
	readonly priceTicks: number | null;
	/** What a market buy may cost in all, in units, in place of a quantity. */
	readonly notional: bigint | null;
	/** How far a trailing stop stays behind the best price since it came: one of the two. */
	readonly trailTicks: number | null;
	readonly trailBps: number | null;
	readonly postOnly: boolean;
	readonly reduceOnly: boolean;
	/** How much of an iceberg is shown at a time; null shows all. */
	readonly displayLots: number | null;
	readonly selfTradePrevention: SelfTradePrevention;
	readonly expiresAtMs: number | null;
	/** The order that this one takes the place of. */
	readonly replaces: string | null;
	/** The other one of a pair. */
	readonly linkedTo: string | null;
}

/** An order in execution. Its numbers change as commands touch it; what it may still cost is `hold`, in units. */
export interface ExecutionOrder extends OrderTerms {
	/** Where a stop is triggered; of a trailing one, where it was when it came. */
	stopTicks: number | null;
	/** The best price since a trailing stop came; as it is kept, it takes in the trades up to `sinceTradeSeq`. */
	extremeTicks: number | null;
	sinceTradeSeq: number;
	/** Of an order by notional, what it has bought so far. */
	quantityLots: number;
	filledLots: number;
	/** What the book shows of it. */
	visibleLots: number;
	filledNotional: bigint;
	fee: bigint;
	hold: bigint;
	status: ExecutionStatus;
	rejectReason: RejectReason | null;
	replacedBy: string | null;
	reportSeq: number;
	/** Its place in time among the orders of the book. */
	arrivalSeq: number;
	/** Its place in the book, where it has one: its price, and its neighbours there. */
	level: Level | null;
	previous: ExecutionOrder | null;
	next: ExecutionOrder | null;
}

/** An order that nothing has happened to yet, for `lots` or its terms' notional. */
export function newOrder(terms: OrderTerms, lots: number, stopTicks: number | null): ExecutionOrder {
	return {
		orderId: terms.orderId,
		userId: terms.userId,
		side: terms.side,
		orderType: terms.orderType,
		timeInForce: terms.timeInForce,
		priceTicks: terms.priceTicks,
		notional: terms.notional,
		trailTicks: terms.trailTicks,
		trailBps: terms.trailBps,
		postOnly: terms.postOnly,
		reduceOnly: terms.reduceOnly,
		displayLots: terms.displayLots,
		selfTradePrevention: terms.selfTradePrevention,
		expiresAtMs: terms.expiresAtMs,
		replaces: terms.replaces,
		linkedTo: terms.linkedTo,
		stopTicks,
		extremeTicks: null,
		sinceTradeSeq: 0,
		quantityLots: lots,
		filledLots: 0,
		visibleLots: 0,
		filledNotional: 0n,
		fee: 0n,
		hold: 0n,
		status: "open",
		rejectReason: null,
		replacedBy: null,
		reportSeq: 0,
		arrivalSeq: 0,
		level: null,
		previous: null,
		next: null,
	};
}

/** What has not been filled yet. */
export function remainingLots(order: ExecutionOrder): number {
	return order.quantityLots - order.filledLots;
}

/** Whether the order can still be filled. */
export function isWorking(order: ExecutionOrder): boolean {
	return order.status === "held" || order.status === "open" || order.status === "partially_filled";
}

/** Whether the order first waits for a price. */
export function isStop({ orderType }: OrderTerms): boolean {
	return orderType === "stop" || orderType === "stop_limit" || orderType === "trailing_stop";
}

/** Whether what does not match at once stays in the book. */
export function mayRest({ priceTicks, timeInForce }: OrderTerms): boolean {
	return priceTicks !== null && timeInForce !== "ioc" && timeInForce !== "fok";
}
