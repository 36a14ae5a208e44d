import type { Order } from "../../contracts/orders.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { PLAIN } from "../../test/support/orders.ts";

/** As many as a relay publishes and a consumer takes at once. */
export const BATCH = 500;

const ORDER: Order = {
	...PLAIN,
	order_id: "019a0b5e-7f3a-7c55-9d2e-5b8f0c1d2e3f",
	user_id: "019a0b5e-6a11-7d90-8e4c-1f2a3b4c5d6e",
	order_class: "simple",
	parent_id: null,
	client_order_id: "bench-1",
	symbol: "BTC-USD",
	side: "buy",
	order_type: "limit",
	time_in_force: "gtc",
	quantity: "0.01234567",
	price: "61837.63",
	status: "pending",
	reject_code: null,
	filled_quantity: "0",
	remaining_quantity: "0.01234567",
	average_price: null,
	fee: "0",
	fee_asset: "USD",
	metadata: {},
	replaced_by: null,
	version: 1,
	created_at: "2026-01-02T03:04:05.678Z",
	updated_at: "2026-01-02T03:04:05.678Z",
	closed_at: null,
};

/** `count` events of as many orders, in batches. */
export function* batches(count: number): Generator<readonly Staged[]> {
	for (let first = 0; first < count; first += BATCH) {
		yield Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => ({
			type: "orders.created",
			aggregate_id: `order-${first + i}`,
			aggregate_seq: 1,
			data: ORDER,
			correlation_id: `request-${first + i}`,
			actor: { user_id: ORDER.user_id, ip: "127.0.0.1" },
		}));
	}
}
