import type { Context } from "moleculer";
import type { Meta, Page, PageQuery } from "../../contracts/index.ts";
import type { RiskLimits, TradingState } from "../../contracts/risk.ts";
import { callerOf, isAdmin } from "../../lib/caller.ts";
import { pageOf, positionOf } from "../../lib/page.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { limitsInForce } from "./domain/decide.ts";
import { KEY, keyOf } from "./domain/trading-state.ts";
import { DEFAULT_SCOPE, limitRowOf, readLimits } from "./risk.store.ts";
import { selectHalts } from "./trading-state.store.ts";

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

/** Where trading is halted or reducing, as far as it concerns the caller; everything for an admin. */
export async function listHalts(risk: Database, ctx: Context<PageQuery, Meta>): Promise<Page<TradingState>> {
	const caller = callerOf(ctx);
	const admin = isAdmin(caller);
	const { limit, after } = positionOf(ctx.params, KEY);
	const states = await selectHalts(risk.db, { userId: admin ? null : caller.user_id, after, limit: limit + 1 });
	return pageOf(
		states,
		limit,
		({ scope, id }) => keyOf(scope, id),
		(state) => (admin ? state : { ...state, by: null }),
	);
}
