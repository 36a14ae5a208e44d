import type { Decimal, Page, PageQuery, Timestamp } from "./common.ts";
import type { OpenExposure, RejectCode } from "./orders.ts";
import type { SubmitOrder } from "./trading.ts";

/** An order to decide on. `open_orders` counts the user's open orders, this one among them. */
export interface RiskCheck {
	readonly order: SubmitOrder;
	readonly open_orders: number;
	/** A rehearsal decides and keeps nothing. */
	readonly rehearsal?: boolean;
}

export type RiskCode = Extract<RejectCode, "MAX_OPEN_ORDERS" | "MAX_ORDER_NOTIONAL" | "REDUCE_ONLY" | "TRADING_HALTED">;

/** The first decision on an order is kept and given again. `limit` and `observed` are null unless a limit denies it. */
export interface RiskDecision {
	readonly allowed: boolean;
	readonly code: RiskCode | null;
	readonly limit: string | null;
	readonly observed: string | null;
}

/**
 * Limits of one order's notional, in its quote asset, and of a user's open orders. Null leaves a limit to the default
 * row, and on the default row to the runtime setting `trading.max_orders_per_user` or to no limit.
 */
export interface RiskLimits {
	readonly scope: string;
	readonly max_order_notional: Decimal | null;
	readonly max_open_orders: number | null;
	readonly updated_at: Timestamp;
}

/** What a trading state is about: all trading, one symbol's, or one user's. */
export type TradingScope = "global" | "symbol" | "user";

/** How an operator restricts trading: `halted` denies every new order, `reducing` every one that is not a sell. */
export type HaltMode = "halted" | "reducing";

/**
 * Whether there is trading in a scope. `id` is the symbol or the user's id, null for the global scope; `by` is the
 * admin who made it so, shown to admins alone. `version` is 0 while nobody has ever halted it.
 */
export interface TradingState {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly mode: "active" | HaltMode;
	readonly reason: string | null;
	readonly by: string | null;
	/** Since when it is in this mode. */
	readonly since: Timestamp | null;
	readonly version: number;
}

/** A scope to halt. `cancel_open` also cancels the orders that are open in it; in mode `reducing` only the buys. */
export interface HaltRequest {
	readonly scope: TradingScope;
	readonly id?: string;
	readonly mode: HaltMode;
	readonly cancel_open?: boolean;
	readonly reason: string;
}

export interface ResumeRequest {
	readonly scope: TradingScope;
	readonly id?: string;
	readonly reason?: string;
}

export interface RiskApi {
	check(params: RiskCheck): RiskDecision;
	/** The limits in force for the caller. */
	limits(): RiskLimits;
	/** `scope` is a user's id or `default`; a limit that is not given stays as it is. */
	setLimits(params: {
		readonly scope: string;
		readonly max_order_notional?: Decimal | null;
		readonly max_open_orders?: number | null;
	}): RiskLimits;
	/** What is halted so already stays as it is. */
	halt(params: HaltRequest): TradingState;
	/** What is not halted stays as it is. */
	resume(params: ResumeRequest): TradingState;
	/** What is not active: the global scope, symbols and the caller; for an admin everybody. */
	status(params: PageQuery): Page<TradingState>;
	/** What the caller's open orders could still trade, by symbol. */
	exposure(): readonly OpenExposure[];
}

export interface TradingHalted {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly mode: HaltMode;
	readonly reason: string;
	readonly cancel_open: boolean;
	readonly by: string;
}

export interface TradingResumed {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly by: string;
}

export interface RiskEvents {
	"risk.limits_changed": RiskLimits;
	"risk.trading_halted": TradingHalted;
	"risk.trading_resumed": TradingResumed;
}
