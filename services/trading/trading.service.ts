import { callerOf } from "../../lib/caller.ts";
import { idempotencyKey } from "../../lib/idempotency.ts";
import { pageRules } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { type Settings, settings } from "../../mixins/settings.mixin.ts";
import { selectBalances } from "./account.store.ts";
import { readDepth, rehearse } from "./book.queries.ts";
import { readReport } from "./fill.store.ts";
import { watchInvariants } from "./invariants.ts";
import { readLeases } from "./market.store.ts";
import { type Markets, openMarkets } from "./markets.ts";
import { selectPositions } from "./position.store.ts";
import { closeOrder, deposit, submitOrder, submitPair, withdraw } from "./trading.commands.ts";
import { bandOf, listFills, listPostings, readAccount } from "./trading.queries.ts";

const MAX_DEPTH = 500;
const symbol = { type: "string", pattern: /^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$/ } as const;
const decimal = { type: "string", max: 64 } as const;
const none = { ...decimal, nullable: true } as const;
const order = {
	order_id: "uuid",
	user_id: "uuid",
	symbol,
	side: { type: "enum", values: ["buy", "sell"] },
	order_type: { type: "enum", values: ["market", "limit", "stop", "stop_limit", "trailing_stop"] },
	time_in_force: { type: "enum", values: ["gtc", "ioc", "fok", "day", "gtd"] },
	quantity: decimal,
	notional: none,
	price: none,
	stop_price: none,
	trail_amount: none,
	trail_percent: none,
	expires_at: none,
	post_only: "boolean",
	reduce_only: "boolean",
	display_quantity: none,
	self_trade_prevention: {
		type: "enum",
		values: ["expire_taker", "expire_maker", "expire_both", "decrement", "none"],
	},
	replaces: { type: "uuid", nullable: true },
} as const;
const asset = { type: "string", pattern: /^[A-Z0-9]{2,12}$/ } as const;
const transfer = {
	$$strict: true,
	asset,
	amount: { type: "string", max: 40 },
	user_id: { type: "uuid", optional: true },
	idempotency_key: idempotencyKey,
} as const;

interface Parts {
	markets: Markets;
	drain: Markets["stop"];
	stopWatching(): void;
}

const trading: TypedService<"trading", {}, Database & Outbox & Settings & Parts> = {
	name: "trading",
	dependencies: ["data"],
	mixins: [database("trading"), outbox("trading"), settings()],

	actions: {
		submit: {
			auth: "internal",
			// Calls for one symbol go to one node, so that its book is not handed to and fro.
			strategy: "Shard",
			strategyOptions: { shardKey: "symbol" },
			params: order,
			handler(ctx) {
				return submitOrder(this, ctx);
			},
		},
		submitPair: {
			auth: "internal",
			strategy: "Shard",
			strategyOptions: { shardKey: "limit.symbol" },
			params: { limit: { type: "object", props: order }, stop: { type: "object", props: order } },
			handler(ctx) {
				return submitPair(this, ctx);
			},
		},
		close: {
			auth: "internal",
			strategy: "Shard",
			strategyOptions: { shardKey: "order.symbol" },
			params: {
				order: { type: "object", props: order },
				status: { type: "enum", values: ["canceled", "expired"] },
				only_if_new: { type: "boolean", optional: true },
			},
			handler(ctx) {
				return closeOrder(this, ctx);
			},
		},
		report: {
			auth: "internal",
			params: { order_id: "uuid", after_seq: { type: "number", integer: true, min: 0 } },
			handler(ctx) {
				return readReport(this.db, ctx.params.order_id, ctx.params.after_seq);
			},
		},
		rehearse: {
			auth: "internal",
			strategy: "Shard",
			strategyOptions: { shardKey: "symbol" },
			params: order,
			handler(ctx) {
				return rehearse(this, ctx);
			},
		},
		balances: {
			auth: "user",
			handler(ctx) {
				return selectBalances(this.db, callerOf(ctx).user_id);
			},
		},
		positions: {
			auth: "user",
			handler(ctx) {
				return selectPositions(this.db, callerOf(ctx).user_id);
			},
		},
		account: {
			auth: "user",
			params: { $$strict: true, asset: { ...asset, optional: true } },
			handler(ctx) {
				return readAccount(this.db, callerOf(ctx).user_id, ctx.params.asset);
			},
		},
		fills: {
			auth: "user",
			params: { $$strict: true, ...pageRules, order_id: { type: "uuid", optional: true } },
			handler(ctx) {
				return listFills(this.db, callerOf(ctx).user_id, ctx.params);
			},
		},
		ledger: {
			auth: "user",
			params: { $$strict: true, ...pageRules, asset: { type: "string", max: 12, optional: true } },
			handler(ctx) {
				return listPostings(this.db, callerOf(ctx).user_id, ctx.params);
			},
		},
		deposit: {
			auth: "user",
			params: transfer,
			handler(ctx) {
				return deposit(this, ctx);
			},
		},
		withdraw: {
			auth: "user",
			params: transfer,
			handler(ctx) {
				return withdraw(this, ctx);
			},
		},
		depth: {
			auth: "public",
			strategy: "Shard",
			strategyOptions: { shardKey: "symbol" },
			params: {
				$$strict: true,
				symbol,
				depth: { type: "number", integer: true, min: 1, max: MAX_DEPTH, optional: true },
			},
			handler(ctx) {
				return readDepth(this, ctx);
			},
		},
		leases: {
			auth: "internal",
			handler() {
				return readLeases(this.db);
			},
		},
	},

	created() {
		this.markets = openMarkets({
			db: this.db,
			broker: this.broker,
			bandBps: () => bandOf(this),
			stage: (tx, events) => this.stage(tx, events),
		});
		// Others get the markets at once, rather than when this node has come to its end.
		this.drain = this.markets.stop;
	},

	async started() {
		await this.markets.reopen();
		this.stopWatching = watchInvariants(this.broker, this.db);
	},

	async stopped() {
		this.stopWatching?.();
		await this.markets.stop();
	},
};

export default trading;
