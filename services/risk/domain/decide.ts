import type { RiskCode, RiskDecision } from "../../../contracts/risk.ts";
import { compareDecimals, multiplyDecimals } from "../../../lib/kernel/decimal.ts";

/** An order as far as its risk goes; `price` is null for a market order in a market that has not traded yet. */
export interface Proposal {
	readonly quantity: string;
	readonly price: string | null;
	/** The user's open orders, this one among them. */
	readonly openOrders: number;
}

/** One row of limits; null leaves a limit to the next row. */
export interface LimitRow {
	readonly maxOpenOrders: number | null;
	readonly maxOrderNotional: string | null;
}

/** What holds for a user. */
export interface Limits {
	readonly maxOpenOrders: number;
	readonly maxOrderNotional: string | null;
}

/** The limits of a user: each from the user's own row, else from the default row, else as `fallback` has it. */
export function limitsInForce(own: LimitRow | undefined, byDefault: LimitRow | undefined, fallback: Limits): Limits {
	return {
		maxOpenOrders: own?.maxOpenOrders ?? byDefault?.maxOpenOrders ?? fallback.maxOpenOrders,
		maxOrderNotional: own?.maxOrderNotional ?? byDefault?.maxOrderNotional ?? fallback.maxOrderNotional,
	};
}

/** Whether an order is within the limits, which it may reach but not pass. */
export function decide({ openOrders, quantity, price }: Proposal, limits: Limits): RiskDecision {
	const { maxOpenOrders, maxOrderNotional } = limits;
	if (openOrders > maxOpenOrders) return denied("MAX_OPEN_ORDERS", String(maxOpenOrders), String(openOrders));
	if (price === null || maxOrderNotional === null) return ALLOWED;
	const notional = multiplyDecimals(quantity, price);
	if (compareDecimals(notional, maxOrderNotional) > 0) return denied("MAX_ORDER_NOTIONAL", maxOrderNotional, notional);
	return ALLOWED;
}

const ALLOWED: RiskDecision = { allowed: true, code: null, limit: null, observed: null };

function denied(code: RiskCode, limit: string, observed: string): RiskDecision {
	return { allowed: false, code, limit, observed };
}
