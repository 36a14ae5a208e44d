import type { SubmitOrder } from "../../contracts/trading.ts";
import { toUnits } from "../../lib/kernel/decimal.ts";
import { ASSET_SCALE, type Market, toLots, toTicks } from "./domain/market.ts";
import { type ExecutionOrder, newOrder } from "./domain/order.ts";

/** Percents have two digits after the point, so that a hundredth of one is a basis point. */
const PERCENT_SCALE = 2;

/**
 * The order as the engine sees it, the other one of a pair when `linkedTo` names that; throws on a price or quantity
 * off the grid, which the edge has refused before.
 */
export function executionOrderOf(market: Market, order: SubmitOrder, linkedTo: string | null = null): ExecutionOrder {
	const ticks = (price: string | null) => (price === null ? null : toTicks(market, price));
	return newOrder(
		{
			orderId: order.order_id,
			userId: order.user_id,
			side: order.side,
			orderType: order.order_type,
			timeInForce: order.time_in_force,
			priceTicks: ticks(order.price),
			notional: order.notional === null ? null : toUnits(order.notional, ASSET_SCALE),
			trailTicks: ticks(order.trail_amount),
			trailBps: order.trail_percent === null ? null : Number(toUnits(order.trail_percent, PERCENT_SCALE)),
			postOnly: order.post_only,
			reduceOnly: order.reduce_only,
			displayLots: order.display_quantity === null ? null : toLots(market, order.display_quantity),
			selfTradePrevention: order.self_trade_prevention,
			expiresAtMs: order.expires_at === null ? null : Date.parse(order.expires_at),
			replaces: order.replaces,
			linkedTo,
		},
		order.notional === null ? toLots(market, order.quantity) : 0,
		ticks(order.stop_price),
	);
}
