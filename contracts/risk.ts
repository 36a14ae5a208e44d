import type { Decimal, Timestamp } from "./common.ts";
import type { RejectCode } from "./orders.ts";
import type { SubmitOrder } from "./trading.ts";

/** An order to decide on. `open_orders` counts the user's open orders, this one among them. */
export interface RiskCheck {
	readonly order: SubmitOrder;
	readonly open_orders: number;
	/** A rehearsal decides and keeps nothing. */
	readonly rehearsal?: boolean;
}

export type RiskCode = Extract<RejectCode, "MAX_OPEN_ORDERS" | "MAX_ORDER_NOTIONAL">;

/** The first decision on an order is kept and given again. `limit` and `observed` are null when it is allowed. */
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
}

/** What a halt is about: all trading, one symbol's, or one user's. */
export type TradingScope = "global" | "symbol" | "user";

export interface TradingHalted {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly mode: "halted" | "reducing";
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
