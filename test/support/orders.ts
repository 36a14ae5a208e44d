import type { SubmitOrder } from "../../contracts/trading.ts";
import type { OrderRecord } from "../../services/orders/domain/order.ts";

/** What an order has that is neither stop nor iceberg nor anything else out of the ordinary. */
export const PLAIN = {
	notional: null,
	stop_price: null,
	trail_amount: null,
	trail_percent: null,
	expires_at: null,
	post_only: false,
	reduce_only: false,
	display_quantity: null,
	self_trade_prevention: "expire_taker",
	replaces: null,
} as const satisfies Partial<SubmitOrder>;

const AT = "2026-01-02T03:04:05.000Z";

/** A limit buy of 3 at 100 by ann that is on its way, but for what is told. */
export function recordWith(over: Partial<OrderRecord>): OrderRecord {
	return {
		...PLAIN,
		order_id: "o1",
		user_id: "ann",
		order_class: "simple",
		parent_id: null,
		client_order_id: null,
		symbol: "BTC-USD",
		side: "buy",
		order_type: "limit",
		time_in_force: "gtc",
		quantity: "3",
		price: "100",
		status: "pending",
		reject_code: null,
		filled_quantity: "0",
		remaining_quantity: "3",
		filled_notional: "0",
		average_price: null,
		fee: "0",
		fee_asset: "USD",
		metadata: {},
		replaced_by: null,
		ordered_quantity: "3",
		idempotency_key: null,
		version: 1,
		event_seq: 1,
		report_seq: 0,
		correlation_id: "c1",
		created_at: AT,
		updated_at: AT,
		closed_at: null,
		...over,
	};
}
