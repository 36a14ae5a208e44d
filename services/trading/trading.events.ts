import type { ExecutionReport, Fill, Standing, TradeExecuted } from "../../contracts/trading.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { fromUnits } from "../../lib/kernel/decimal.ts";
import type { ExecutedTrade, Report } from "./domain/execution.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market } from "./domain/market.ts";
import { type ExecutionOrder, isWorking } from "./domain/order.ts";

/** What one command did to an order, as it is told to the world. */
export function reportOf(market: Market, { order, trades }: Report, now: Date): ExecutionReport {
	return {
		order_id: order.orderId,
		user_id: order.userId,
		symbol: market.symbol,
		previous_seq: order.reportSeq - 1,
		report_seq: order.reportSeq,
		status: order.status,
		reject_code: order.rejectReason,
		replaced_by: order.replacedBy,
		quantity: fromLots(market, order.quantityLots),
		filled_quantity: fromLots(market, order.filledLots),
		filled_notional: fromUnits(order.filledNotional, ASSET_SCALE),
		fee: fromUnits(order.fee, ASSET_SCALE),
		fee_asset: market.quoteAsset,
		fills: trades.map((trade) => fillOf(market, order, trade, now)),
		...(isWorking(order) && { standing: standingOf(market, order) }),
		timestamp: now.toISOString(),
	};
}

function standingOf(market: Market, order: Readonly<ExecutionOrder>): Standing {
	const { stopTicks, extremeTicks } = order;
	return {
		arrival_seq: order.arrivalSeq,
		visible_quantity: fromLots(market, order.visibleLots),
		stop_price: stopTicks === null ? null : fromTicks(market, stopTicks),
		linked_to: order.linkedTo,
		trailing:
			extremeTicks === null ? null : { best_price: fromTicks(market, extremeTicks), trade_seq: order.sinceTradeSeq },
	};
}

function fillOf(market: Market, order: Readonly<ExecutionOrder>, trade: ExecutedTrade, now: Date): Fill {
	const maker = trade.maker.orderId === order.orderId;
	return {
		trade_id: trade.tradeId,
		order_id: order.orderId,
		user_id: order.userId,
		symbol: market.symbol,
		side: order.side,
		liquidity: maker ? "maker" : "taker",
		price: fromTicks(market, trade.ticks),
		quantity: fromLots(market, trade.lots),
		fee: fromUnits(maker ? trade.makerFee : trade.takerFee, ASSET_SCALE),
		fee_asset: market.quoteAsset,
		report_seq: maker ? trade.makerReportSeq : trade.takerReportSeq,
		created_at: now.toISOString(),
	};
}

/** The event that tells of a report. */
export function executionReported(report: ExecutionReport, origin: Origin): Staged {
	return {
		type: "trading.execution_reported",
		aggregate_id: `execution:${report.order_id}`,
		aggregate_seq: report.report_seq,
		data: report,
		...origin,
	};
}

/** The event that tells of a trade; it has no names of users. */
export function tradeExecuted(market: Market, trade: ExecutedTrade, now: Date, origin: Origin): Staged {
	const data: TradeExecuted = {
		trade_id: trade.tradeId,
		trade_seq: trade.tradeSeq,
		symbol: market.symbol,
		price: fromTicks(market, trade.ticks),
		quantity: fromLots(market, trade.lots),
		taker_side: trade.taker.side,
		maker_order_id: trade.maker.orderId,
		taker_order_id: trade.taker.orderId,
		created_at: now.toISOString(),
	};
	return {
		type: "trading.trade_executed",
		aggregate_id: `market:${market.symbol}`,
		aggregate_seq: trade.tradeSeq,
		data,
		...origin,
	};
}
