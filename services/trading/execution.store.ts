import type { Tx } from "../../lib/db.ts";
import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import { saveAccounts } from "./account.store.ts";
import type { ExecutedTrade, Execution } from "./domain/execution.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market, toTicks } from "./domain/market.ts";
import {
	type ExecutionOrder,
	type ExecutionStatus,
	newOrder,
	type OrderTerms,
	type OrderType,
	type RejectReason,
	type SelfTradePrevention,
	type Side,
	type TimeInForce,
} from "./domain/order.ts";

/** An order as its table has it. */
export interface OrderRow {
	order_id: string;
	user_id: string;
	side: Side;
	order_type: OrderType;
	time_in_force: TimeInForce;
	price_ticks: string | null;
	notional: string | null;
	stop_ticks: string | null;
	trail_ticks: string | null;
	trail_bps: number | null;
	extreme_ticks: string | null;
	since_trade_seq: string;
	post_only: boolean;
	reduce_only: boolean;
	display_lots: string | null;
	self_trade_prevention: SelfTradePrevention;
	expires_at: Date | null;
	replaces: string | null;
	replaced_by: string | null;
	linked_to: string | null;
	quantity_lots: string;
	filled_lots: string;
	visible_lots: string;
	filled_notional: string;
	fee: string;
	hold: string;
	status: ExecutionStatus;
	reject_code: RejectReason | null;
	report_seq: number;
	arrival_seq: string;
}

/** An order from its row. */
export function orderOf(row: OrderRow): ExecutionOrder {
	const terms: OrderTerms = {
		orderId: row.order_id,
		userId: row.user_id,
		side: row.side,
		orderType: row.order_type,
		timeInForce: row.time_in_force,
		priceTicks: numberOf(row.price_ticks),
		notional: row.notional === null ? null : toUnits(row.notional, ASSET_SCALE),
		trailTicks: numberOf(row.trail_ticks),
		trailBps: row.trail_bps,
		postOnly: row.post_only,
		reduceOnly: row.reduce_only,
		displayLots: numberOf(row.display_lots),
		selfTradePrevention: row.self_trade_prevention,
		expiresAtMs: row.expires_at && row.expires_at.getTime(),
		replaces: row.replaces,
		linkedTo: row.linked_to,
	};
	const order = newOrder(terms, Number(row.quantity_lots), numberOf(row.stop_ticks));
	order.extremeTicks = numberOf(row.extreme_ticks);
	order.sinceTradeSeq = Number(row.since_trade_seq);
	order.filledLots = Number(row.filled_lots);
	order.visibleLots = Number(row.visible_lots);
	order.filledNotional = unitsOf(row.filled_notional);
	order.fee = unitsOf(row.fee);
	order.hold = unitsOf(row.hold);
	order.status = row.status;
	order.rejectReason = row.reject_code;
	order.replacedBy = row.replaced_by;
	order.reportSeq = row.report_seq;
	order.arrivalSeq = Number(row.arrival_seq);
	return order;
}

function numberOf(text: string | null): number | null {
	return text === null ? null : Number(text);
}

/** Of most orders that rest nothing is filled: they share one zero. */
function unitsOf(text: string): bigint {
	return text === "0" ? 0n : toUnits(text, ASSET_SCALE);
}

/** The best `count` orders of a side, best price first, then oldest first. */
export async function loadBestOrders(tx: Tx, symbol: string, side: Side, count: number): Promise<ExecutionOrder[]> {
	const rows = await tx.query<OrderRow>(
		`SELECT * FROM orders WHERE symbol = $1 AND side = $2 AND status IN ('open', 'partially_filled')
		ORDER BY price_ticks * CASE side WHEN 'buy' THEN -1 ELSE 1 END, arrival_seq LIMIT $3`,
		[symbol, side, count],
	);
	return rows.map(orderOf);
}

/** The last numbers that a market has given to a trade and to an order, and the price of that trade. */
export async function loadCounters(
	tx: Tx,
	market: Market,
): Promise<{ tradeSeq: number; arrivalSeq: number; lastTicks: number | null }> {
	const [row] = await tx.query<{ trade_seq: string; price: string | null; arrival_seq: string | null }>(
		`SELECT coalesce(trade_seq, 0) AS trade_seq, price,
			(SELECT max(arrival_seq) FROM orders WHERE symbol = $1) AS arrival_seq
		FROM (SELECT) one LEFT JOIN (
			SELECT trade_seq, price FROM trades WHERE symbol = $1 ORDER BY trade_seq DESC LIMIT 1) last ON true`,
		[market.symbol],
	);
	return {
		tradeSeq: Number(row?.trade_seq ?? 0),
		arrivalSeq: Number(row?.arrival_seq ?? 0),
		lastTicks: row?.price ? toTicks(market, row.price) : null,
	};
}

/** Those of `orderIds` that have arrived before. */
export async function knownOrders(tx: Tx, orderIds: readonly string[]): Promise<Set<string>> {
	const rows = await tx.query<{ order_id: string }>("SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[])", [
		orderIds,
	]);
	return new Set(rows.map((row) => row.order_id));
}

/** Writes a batch: orders, trades, accounts and journals, each in one statement whatever its size. */
export function saveExecution(tx: Tx, execution: Execution, now: Date): void {
	saveOrders(tx, execution.market.symbol, [...execution.changed.values()], now);
	saveTrades(tx, execution.market, execution.trades, now);
	saveAccounts(tx, execution.accounts);
}

function saveOrders(tx: Tx, symbol: string, orders: readonly ExecutionOrder[], now: Date): void {
	if (orders.length === 0) return;
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	const column = <T>(pick: (order: ExecutionOrder) => T) => orders.map(pick);
	tx.execute(
		`INSERT INTO orders (symbol, created_at, updated_at, order_id, user_id, side, order_type, time_in_force,
			price_ticks, notional, stop_ticks, trail_ticks, trail_bps, extreme_ticks, since_trade_seq, post_only,
			reduce_only, display_lots,
			self_trade_prevention, expires_at, replaces, replaced_by, quantity_lots, filled_lots, visible_lots,
			filled_notional, fee, hold, status, reject_code, report_seq, arrival_seq, linked_to)
		SELECT $1, $2::timestamptz, $2::timestamptz, * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[],
			$7::text[], $8::bigint[], $9::numeric[], $10::bigint[], $11::bigint[], $12::integer[], $13::bigint[],
			$14::bigint[], $15::boolean[], $16::boolean[], $17::bigint[], $18::text[], $19::timestamptz[], $20::uuid[],
			$21::uuid[], $22::bigint[], $23::bigint[], $24::bigint[], $25::numeric[], $26::numeric[], $27::numeric[],
			$28::text[], $29::text[], $30::integer[], $31::bigint[], $32::uuid[])
		ON CONFLICT (order_id) DO UPDATE SET extreme_ticks = excluded.extreme_ticks,
			since_trade_seq = excluded.since_trade_seq, replaced_by = excluded.replaced_by,
			quantity_lots = excluded.quantity_lots, filled_lots = excluded.filled_lots,
			visible_lots = excluded.visible_lots, filled_notional = excluded.filled_notional, fee = excluded.fee,
			hold = excluded.hold, status = excluded.status, reject_code = excluded.reject_code,
			report_seq = excluded.report_seq, arrival_seq = excluded.arrival_seq,
			updated_at = excluded.updated_at`,
		[
			symbol,
			now,
			column((order) => order.orderId),
			column((order) => order.userId),
			column((order) => order.side),
			column((order) => order.orderType),
			column((order) => order.timeInForce),
			column((order) => order.priceTicks),
			column((order) => (order.notional === null ? null : money(order.notional))),
			column((order) => order.stopTicks),
			column((order) => order.trailTicks),
			column((order) => order.trailBps),
			column((order) => order.extremeTicks),
			column((order) => order.sinceTradeSeq),
			column((order) => order.postOnly),
			column((order) => order.reduceOnly),
			column((order) => order.displayLots),
			column((order) => order.selfTradePrevention),
			column((order) => order.expiresAtMs && new Date(order.expiresAtMs).toISOString()),
			column((order) => order.replaces),
			column((order) => order.replacedBy),
			column((order) => order.quantityLots),
			column((order) => order.filledLots),
			column((order) => order.visibleLots),
			column((order) => money(order.filledNotional)),
			column((order) => money(order.fee)),
			column((order) => money(order.hold)),
			column((order) => order.status),
			column((order) => order.rejectReason),
			column((order) => order.reportSeq),
			column((order) => order.arrivalSeq),
			column((order) => order.linkedTo),
		],
	);
}

function saveTrades(tx: Tx, market: Market, trades: readonly ExecutedTrade[], now: Date): void {
	if (trades.length === 0) return;
	tx.execute(
		`INSERT INTO trades (symbol, created_at, trade_id, trade_seq, price, quantity, taker_side, maker_order_id,
			taker_order_id, maker_user_id, taker_user_id, maker_fee, taker_fee, maker_report_seq, taker_report_seq)
		SELECT $1, $2::timestamptz, * FROM unnest($3::uuid[], $4::bigint[], $5::numeric[], $6::numeric[], $7::text[],
			$8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], $12::numeric[], $13::numeric[], $14::integer[],
			$15::integer[])`,
		[
			market.symbol,
			now,
			trades.map((trade) => trade.tradeId),
			trades.map((trade) => trade.tradeSeq),
			trades.map((trade) => fromTicks(market, trade.ticks)),
			trades.map((trade) => fromLots(market, trade.lots)),
			trades.map((trade) => trade.taker.side),
			trades.map((trade) => trade.maker.orderId),
			trades.map((trade) => trade.taker.orderId),
			trades.map((trade) => trade.maker.userId),
			trades.map((trade) => trade.taker.userId),
			trades.map((trade) => fromUnits(trade.makerFee, ASSET_SCALE)),
			trades.map((trade) => fromUnits(trade.takerFee, ASSET_SCALE)),
			trades.map((trade) => trade.makerReportSeq),
			trades.map((trade) => trade.takerReportSeq),
		],
	);
}
