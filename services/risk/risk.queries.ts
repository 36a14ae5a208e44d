import type { RiskLimits } from "../../contracts/risk.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { limitsInForce } from "./domain/decide.ts";
import { DEFAULT_SCOPE, limitRowOf, readLimits } from "./risk.store.ts";

/** The limits that hold for a user, and since when the rows that say so are as they are. */
export async function readLimitsInForce(risk: Database & Settings, userId: string): Promise<RiskLimits> {
	const fallback = { maxOpenOrders: await risk.setting("trading.max_orders_per_user"), maxOrderNotional: null };
	const limits = await readLimits(risk.db, [DEFAULT_SCOPE, userId]);
	const inForce = limitsInForce(limitRowOf(limits.get(userId)), limitRowOf(limits.get(DEFAULT_SCOPE)), fallback);
	return {
		scope: userId,
		max_order_notional: inForce.maxOrderNotional,
		max_open_orders: inForce.maxOpenOrders,
		updated_at: [...limits.values()].map((row) => row.updated_at).reduce((a, b) => (a > b ? a : b)),
	};
}
