import type { Order } from "../../contracts/orders.ts";
import { callerOf } from "../../lib/caller.ts";
import { optionalKey } from "../../lib/idempotency.ts";
import { metricsOf } from "../../lib/metrics/registry.ts";
import { pageRules } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { database } from "../../mixins/database.mixin.ts";
import { outbox } from "../../mixins/outbox.mixin.ts";
import { settings } from "../../mixins/settings.mixin.ts";
import { keepSweeps } from "./cancel-sweep.store.ts";
import { startCancelSweeper } from "./cancel-sweeper.ts";
import { capacityOf } from "./capacity.ts";
import { STATUSES } from "./domain/order-state.ts";
import { startExitSweeper } from "./exit-sweeper.ts";
import { instrumentsOf } from "./instruments.ts";
import { countPlacement } from "./order-metrics.ts";
import { applyChanges } from "./orders.changes.ts";
import { cancelAll, cancelOrder, placeOrder, setStatus, validateOrder } from "./orders.commands.ts";
import { browseOrders, getOrder, getOrderByClientId, listOrders, readOpenExposure } from "./orders.queries.ts";
import { replaceOrder } from "./orders.replace.ts";
import type { OrdersState } from "./orders.state.ts";
import { openWrites } from "./orders.writes.ts";
import { startExpirer, startSweeper } from "./sweeper.ts";

const SIDES = ["buy", "sell"];
const symbol = { type: "string", min: 1, max: 32 } as const;
const decimal = { type: "string", max: 64, optional: true } as const;
const flag = { type: "boolean", optional: true } as const;
const placement = {
	$$strict: true,
	symbol,
	side: { type: "enum", values: SIDES },
	order_type: {
		type: "enum",
		values: ["market", "limit", "stop", "stop_limit", "trailing_stop"],
		optional: true,
	},
	quantity: decimal,
	notional: decimal,
	price: decimal,
	stop_price: decimal,
	trail_amount: decimal,
	trail_percent: decimal,
	time_in_force: { type: "enum", values: ["gtc", "ioc", "fok", "day", "gtd"], optional: true },
	expires_at: decimal,
	post_only: flag,
	reduce_only: flag,
	display_quantity: decimal,
	self_trade_prevention: {
		type: "enum",
		values: ["expire_taker", "expire_maker", "expire_both", "decrement", "none"],
		optional: true,
	},
	client_order_id: { type: "string", pattern: /^[\x21-\x7e]{1,48}$/, optional: true },
	metadata: { type: "object", optional: true },
	order_class: { type: "enum", values: ["simple", "oco", "bracket"], optional: true },
	legs: {
		type: "array",
		optional: true,
		min: 1,
		max: 2,
		items: {
			type: "object",
			strict: true,
			props: {
				order_type: { type: "enum", values: ["limit", "stop", "stop_limit", "trailing_stop"], optional: true },
				price: decimal,
				stop_price: decimal,
				trail_amount: decimal,
				trail_percent: decimal,
			},
		},
	},
} as const;

const MAX_BROWSED = 500;

const orders: TypedService<"orders", {}, OrdersState> = {
	name: "orders",
	mixins: [database("orders"), outbox("orders"), consumer("orders"), settings()],

	actions: {
		place: {
			auth: "user",
			params: { ...placement, idempotency_key: optionalKey },
			handler(ctx) {
				return countPlacement(this, placeOrder(this, ctx));
			},
		},
		validate: {
			auth: "user",
			params: placement,
			handler(ctx) {
				return validateOrder(this, ctx);
			},
		},
		get: {
			auth: "user",
			params: { $$strict: true, order_id: "uuid" },
			handler(ctx): Promise<Order> {
				return getOrder(this.db, callerOf(ctx).user_id, ctx.params.order_id);
			},
		},
		getByClientId: {
			auth: "user",
			params: { $$strict: true, client_order_id: { type: "string", min: 1, max: 48 } },
			handler(ctx) {
				return getOrderByClientId(this.db, callerOf(ctx).user_id, ctx.params.client_order_id);
			},
		},
		list: {
			auth: "user",
			params: {
				$$strict: true,
				...pageRules,
				status: { type: "enum", values: [...STATUSES], optional: true },
				symbol: { ...symbol, optional: true },
			},
			handler(ctx) {
				return listOrders(this.db, callerOf(ctx).user_id, ctx.params);
			},
		},
		cancel: {
			auth: "user",
			params: { $$strict: true, order_id: "uuid" },
			handler(ctx) {
				return cancelOrder(this, ctx);
			},
		},
		replace: {
			auth: "user",
			params: { $$strict: true, order_id: "uuid", quantity: decimal, price: decimal },
			handler(ctx) {
				return countPlacement(this, replaceOrder(this, ctx));
			},
		},
		cancelAll: {
			auth: "user",
			params: {
				$$strict: true,
				symbol: { ...symbol, optional: true },
				side: { type: "enum", values: SIDES, optional: true },
			},
			handler(ctx) {
				return cancelAll(this, ctx);
			},
		},
		setStatus: {
			auth: "user",
			params: { $$strict: true, order_id: "uuid", status: { type: "enum", values: [...STATUSES] } },
			handler(ctx) {
				return setStatus(this, ctx);
			},
		},
		browse: {
			auth: "internal",
			params: {
				$$strict: true,
				order_id: { type: "uuid", optional: true },
				user_id: { type: "uuid", optional: true },
				symbol: { type: "string", max: 25, optional: true },
				status: { type: "enum", values: [...STATUSES], optional: true },
				limit: { type: "number", integer: true, min: 1, max: MAX_BROWSED },
			},
			handler(ctx) {
				return browseOrders(this.db, ctx.params);
			},
		},
		openExposure: {
			auth: "internal",
			params: { $$strict: true, user_id: "uuid" },
			handler(ctx) {
				return readOpenExposure(this.db, ctx.params.user_id);
			},
		},
	},

	consumes: {
		async "trading.execution_reported"(tx, events) {
			const results = await applyChanges(
				this,
				tx,
				events.map((event) => ({
					kind: "report",
					orderId: event.data.order_id,
					report: event.data,
					origin: { correlation_id: event.correlation_id, actor: null },
					causationId: event.event_id,
				})),
			);
			const failed = results.find((result) => result instanceof Error);
			if (failed) throw failed;
		},
		async "risk.trading_halted"(tx, events) {
			await keepSweeps(
				tx,
				events.filter((event) => event.data.cancel_open),
			);
			tx.afterCommit(() => this.cancelSweeper.kick());
		},
	},

	created() {
		this.metrics = metricsOf(this.broker);
		this.writes = openWrites(this);
		this.capacity = capacityOf(this);
		this.instruments = instrumentsOf(this.broker);
		this.driving = new Map();
		this.drain = async () => {
			const rounds = [this.sweeper, this.expirer, this.cancelSweeper, this.exitSweeper];
			await Promise.all(rounds.map((each) => each.stop()));
		};
	},

	async started() {
		this.sweeper = startSweeper(this);
		this.expirer = startExpirer(this);
		this.cancelSweeper = startCancelSweeper(this);
		this.exitSweeper = startExitSweeper(this);
	},

	async stopped() {
		await this.drain();
		await this.writes.drained();
	},
};

export default orders;
