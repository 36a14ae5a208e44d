import type { RiskCheck, RiskDecision } from "../../contracts/risk.ts";
import type { Batcher } from "../../lib/batch.ts";
import { callerOf } from "../../lib/caller.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { pollMetrics } from "../../lib/metrics/poll.ts";
import { pageRules, UUID_KEY } from "../../lib/page.ts";
import { call, type TypedService } from "../../lib/service.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { type Settings, settings } from "../../mixins/settings.mixin.ts";
import { openChecks, setLimits } from "./risk.commands.ts";
import { listHalts, readLimitsInForce } from "./risk.queries.ts";
import { saveMarks } from "./risk.store.ts";
import { haltTrading, resumeTrading } from "./trading-state.commands.ts";
import { countHalts } from "./trading-state.store.ts";

const MOST_OPEN_ORDERS = 100_000;
/** Ids in the one form that the database gives them back in. */
const id = { type: "string", pattern: UUID_KEY } as const;
const scope = { type: "enum", values: ["global", "symbol", "user"] } as const;
/** Which ids a scope may have, the domain says. */
const scopeId = { type: "string", max: 64, optional: true } as const;
const reason = { type: "string", max: 200, pattern: /\S/ } as const;
const decimal = { type: "string", max: 64, pattern: /^\d+(\.\d+)?$/ } as const;

interface Parts {
	checks: Batcher<RiskCheck, RiskDecision>;
	stopHaltGauges(): void;
}

const risk: TypedService<"risk", {}, Database & Outbox & Settings & Parts> = {
	name: "risk",
	mixins: [database("risk"), outbox("risk"), consumer("risk"), settings()],

	actions: {
		check: {
			auth: "internal",
			params: {
				$$strict: true,
				order: {
					type: "object",
					props: {
						order_id: id,
						user_id: id,
						symbol: { type: "string", max: 32 },
						side: { type: "enum", values: ["buy", "sell"] },
						order_type: { type: "enum", values: ["market", "limit", "stop", "stop_limit", "trailing_stop"] },
						time_in_force: { type: "enum", values: ["gtc", "ioc", "fok", "day", "gtd"] },
						quantity: decimal,
						notional: { ...decimal, nullable: true },
						price: { ...decimal, nullable: true },
						stop_price: { ...decimal, nullable: true },
					},
				},
				open_orders: { type: "number", integer: true, min: 0 },
				rehearsal: { type: "boolean", optional: true },
			},
			async handler(ctx) {
				const decision = await this.checks.add(ctx.params);
				failpoint("risk.before_reply");
				return decision;
			},
		},
		limits: {
			auth: "user",
			handler(ctx) {
				return readLimitsInForce(this, callerOf(ctx).user_id);
			},
		},
		setLimits: {
			auth: "admin",
			params: {
				$$strict: true,
				scope: { type: "string", pattern: /^(default|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/ },
				max_order_notional: { type: "string", max: 64, nullable: true, optional: true },
				max_open_orders: {
					type: "number",
					integer: true,
					min: 0,
					max: MOST_OPEN_ORDERS,
					nullable: true,
					optional: true,
				},
			},
			handler(ctx) {
				return setLimits(this, ctx);
			},
		},
		halt: {
			auth: "admin",
			params: {
				$$strict: true,
				scope,
				id: scopeId,
				mode: { type: "enum", values: ["halted", "reducing"] },
				cancel_open: { type: "boolean", optional: true },
				reason,
			},
			handler(ctx) {
				return haltTrading(this, ctx);
			},
		},
		resume: {
			auth: "admin",
			params: { $$strict: true, scope, id: scopeId, reason: { ...reason, optional: true } },
			handler(ctx) {
				return resumeTrading(this, ctx);
			},
		},
		status: {
			auth: "user",
			params: { $$strict: true, ...pageRules },
			handler(ctx) {
				return listHalts(this, ctx);
			},
		},
		exposure: {
			auth: "user",
			handler(ctx) {
				return call(ctx, "orders.openExposure", { user_id: callerOf(ctx).user_id });
			},
		},
	},

	consumes: {
		"trading.trade_executed": (tx, events) =>
			saveMarks(
				tx,
				events.map((event) => event.data),
			),
	},

	created() {
		this.checks = openChecks(this);
	},

	started() {
		this.stopHaltGauges = pollMetrics(
			this.broker,
			() => countHalts(this.db),
			(metrics, counts) => {
				metrics.clear("trading_halted");
				for (const [kind, halts] of Object.entries(counts ?? {})) metrics.set("trading_halted", { scope: kind }, halts);
			},
		);
	},

	async stopped() {
		this.stopHaltGauges?.();
		await this.checks.drained();
	},
};

export default risk;
