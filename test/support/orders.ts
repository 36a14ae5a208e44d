import type { SubmitOrder } from "../../contracts/trading.ts";

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
