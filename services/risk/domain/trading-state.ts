import type { Side } from "../../../contracts/orders.ts";
import type { RiskCode, RiskDecision, TradingScope, TradingState } from "../../../contracts/risk.ts";

type Mode = TradingState["mode"];

/** From the least restrictive to the most. */
const MODES: readonly Mode[] = ["active", "reducing", "halted"];

/** Nobody can be short here, so a sell always reduces what its user has at risk, and a buy never does. */
const DENIALS: Readonly<Record<Mode, Readonly<Record<Side, RiskCode | null>>>> = {
	active: { buy: null, sell: null },
	reducing: { buy: "REDUCE_ONLY", sell: null },
	halted: { buy: "TRADING_HALTED", sell: "TRADING_HALTED" },
};

/** The form of an id, where the scope has one; users' in the one form that the database gives them back in. */
const IDS: Readonly<Record<TradingScope, RegExp | null>> = {
	global: null,
	symbol: /^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$/,
	user: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

/** The name of a scope, unique over all kinds: `global`, `symbol:BTC-USD`, `user:<user_id>`. */
export function keyOf(scope: TradingScope, id: string | null): string {
	return id === null ? scope : `${scope}:${id}`;
}

/** What such a name looks like. */
export const KEY = /^(global|symbol:[A-Z0-9-]{5,25}|user:[0-9a-f-]{36})$/;

/** The names of all scopes that an order is in. */
export function scopesOf(order: { readonly symbol: string; readonly user_id: string }): string[] {
	return [keyOf("global", null), keyOf("symbol", order.symbol), keyOf("user", order.user_id)];
}

/** The denial of an order of that side where these modes hold, or null: the most restrictive one counts. */
export function denialBy(modes: readonly Mode[], side: Side): RiskDecision | null {
	const strictest = Math.max(0, ...modes.map((mode) => MODES.indexOf(mode)));
	const code = DENIALS[MODES[strictest] as Mode][side];
	return code && { allowed: false, code, limit: null, observed: null };
}

/** What is wrong with the id of a scope, or null. */
export function problemOfId(
	scope: TradingScope,
	id: string | null,
): { readonly code: "NOT_ALLOWED" | "REQUIRED" | "INVALID_FORMAT"; readonly message: string } | null {
	const form = IDS[scope];
	if (form === null) return id === null ? null : { code: "NOT_ALLOWED", message: `the ${scope} scope has no id` };
	if (id === null) return { code: "REQUIRED", message: `the ${scope} scope needs an id` };
	return form.test(id) ? null : { code: "INVALID_FORMAT", message: `id must be that of a ${scope}` };
}
