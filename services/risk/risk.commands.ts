import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { RiskApi, RiskCheck, RiskDecision, RiskLimits } from "../../contracts/risk.ts";
import { type Batcher, batcher } from "../../lib/batch.ts";
import { originOf } from "../../lib/caller.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { isDecimal, normalize } from "../../lib/kernel/decimal.ts";
import { refuseFields } from "../../lib/refuse.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { decide, limitsInForce } from "./domain/decide.ts";
import { denialBy, scopesOf } from "./domain/trading-state.ts";
import { needsMark, worthOf } from "./domain/worth.ts";
import { DEFAULT_SCOPE, keepDecisions, limitRowOf, readLimits, readMarks, saveLimits, shown } from "./risk.store.ts";
import { readModes } from "./trading-state.store.ts";

const MAX_BATCH = 256;
/** Some seconds of orders at full load: who would wait longer is better told so at once. */
const MAX_QUEUE = 10_000;

/** Decides on orders; those that arrive together are decided in one transaction. */
export function openChecks(risk: Database & Settings): Batcher<RiskCheck, RiskDecision> {
	return batcher({ maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, run: (checks) => decideTogether(risk, checks) });
}

async function decideTogether(risk: Database & Settings, checks: readonly RiskCheck[]): Promise<RiskDecision[]> {
	const fallback = { maxOpenOrders: await risk.setting("trading.max_orders_per_user"), maxOrderNotional: null };
	const users = new Set(checks.map(({ order }) => order.user_id));
	const marked = new Set(checks.filter(({ order }) => needsMark(order)).map(({ order }) => order.symbol));
	const scopes = new Set(checks.flatMap(({ order }) => scopesOf(order)));

	return risk.db.transaction(async (tx) => {
		const [limits, marks, modes] = await Promise.all([
			readLimits(tx, [DEFAULT_SCOPE, ...users]),
			readMarks(tx, [...marked]),
			// Never from a cache: whatever is checked after the commit of a halt must meet it.
			readModes(tx, [...scopes]),
		]);
		const decided = checks.map(({ order, open_orders: openOrders, rehearsal = false }) => {
			const { order_id: orderId, user_id: userId, side } = order;
			const modesOfOrder = scopesOf(order).map((scope) => modes.get(scope) ?? "active");
			const inForce = limitsInForce(limitRowOf(limits.get(userId)), limitRowOf(limits.get(DEFAULT_SCOPE)), fallback);
			const worth = worthOf(order, marks.get(order.symbol) ?? null);
			const decision = denialBy(modesOfOrder, side) ?? decide({ ...worth, openOrders }, inForce);
			return { orderId, userId, rehearsal, decision };
		});
		const real = decided.filter((item) => !item.rehearsal);
		const kept = await keepDecisions(tx, real);
		failpoint("risk.before_commit");
		tx.afterCommit(() => failpoint("risk.after_commit"));
		return decided.map((item) => (item.rehearsal ? undefined : kept.get(item.orderId)) ?? item.decision);
	});
}

/** Sets the limits of a user or of all who have none of their own; open orders that pass them stay as they are. */
export async function setLimits(
	risk: Database & Outbox,
	ctx: Context<Parameters<RiskApi["setLimits"]>[0], Meta>,
): Promise<RiskLimits> {
	const { scope, ...change } = ctx.params;
	const { max_order_notional: notional } = change;
	if (typeof notional === "string") assertPositive(notional);

	return risk.db.transaction(async (tx) => {
		const saved = await saveLimits(tx, scope, change);
		risk.stage(tx, [
			{
				type: "risk.limits_changed",
				aggregate_id: `risk-limits:${scope}`,
				aggregate_seq: saved.version,
				data: shown(saved),
				...originOf(ctx),
			},
		]);
		return shown(saved);
	});
}

function assertPositive(notional: string): void {
	const pointer = "/max_order_notional";
	if (!isDecimal(notional))
		throw refuseFields([
			{ pointer, code: "INVALID_DECIMAL", message: 'max_order_notional must be a plain decimal such as "1000"' },
		]);
	if (notional.startsWith("-") || normalize(notional) === "0")
		throw refuseFields([{ pointer, code: "NOT_POSITIVE", message: "max_order_notional must be more than 0" }]);
}
