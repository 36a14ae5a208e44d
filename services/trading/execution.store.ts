import type { Tx } from "../../lib/db.ts";
import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import { saveAccounts } from "./account.store.ts";
import type { ExecutedTrade, Execution } from "./domain/execute.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market, toTicks } from "./domain/market.ts";
import {
	type ExecutionOrder,
	type ExecutionStatus,
	mayRest,
	newOrder,
	type RejectReason,
	type Side,
} from "./domain/order.ts";

interface OrderRow {
	order_id: string;
	user_id: string;
	side: Side;
	price_ticks: string | null;
	rests: boolean;
	quantity_lots: string;
	filled_lots: string;
	filled_notional: string;
	fee: string;
	hold: string;
	status: ExecutionStatus;
	reject_code: RejectReason | null;
	report_seq: number;
	arrival_seq: string;
}

function orderOf(row: OrderRow): ExecutionOrder {
	const terms = {
		orderId: row.order_id,
		userId: row.user_id,
		side: row.side,
		orderType: row.price_ticks === null ? "market" : "limit",
		timeInForce: row.rests ? "gtc" : "ioc",
		priceTicks: row.price_ticks === null ? null : Number(row.price_ticks),
		notional: null,
		trailTicks: null,
		trailBps: null,
		postOnly: false,
		reduceOnly: false,
		displayLots: null,
		selfTradePrevention: "expire_taker",
		expiresAtMs: null,
		replaces: null,
	} as const;
	return Object.assign(newOrder(terms, Number(row.quantity_lots), null), {
		filledLots: Number(row.filled_lots),
		filledNotional: toUnits(row.filled_notional, ASSET_SCALE),
		fee: toUnits(row.fee, ASSET_SCALE),
		hold: toUnits(row.hold, ASSET_SCALE),
		status: row.status,
		rejectReason: row.reject_code,
		reportSeq: row.report_seq,
		arrivalSeq: Number(row.arrival_seq),
	});
}

/** How many orders a rebuild reads at a time. */
const LOAD_PAGE = 10_000;

/** Gives the orders that rest in a book to `add`, oldest first. */
export async function loadWorkingOrders(tx: Tx, symbol: string, add: (order: ExecutionOrder) => void): Promise<void> {
	for (let after = 0; ; ) {
		const rows = await tx.query<OrderRow>(
			`SELECT * FROM orders WHERE symbol = $1 AND status IN ('open', 'partially_filled') AND arrival_seq > $2
			ORDER BY arrival_seq LIMIT ${LOAD_PAGE}`,
			[symbol, after],
		);
		for (const row of rows) add(orderOf(row));
		const last = rows.at(-1);
		if (rows.length < LOAD_PAGE || !last) return;
		after = Number(last.arrival_seq);
	}
}

/** A rehearsal looks at this many resting orders. */
const REHEARSAL_DEPTH = 1_000;

/** The best orders of a side, best price first, then oldest first. */
export async function loadBestOrders(tx: Tx, symbol: string, side: Side): Promise<ExecutionOrder[]> {
	const rows = await tx.query<OrderRow>(
		`SELECT * FROM orders WHERE symbol = $1 AND side = $2 AND status IN ('open', 'partially_filled')
		ORDER BY price_ticks * CASE side WHEN 'buy' THEN -1 ELSE 1 END, arrival_seq LIMIT ${REHEARSAL_DEPTH}`,
		[symbol, side],
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
export async function saveExecution(tx: Tx, execution: Execution, now: Date): Promise<void> {
	await Promise.all([
		saveOrders(tx, execution.market.symbol, [...execution.changed.values()], now),
		saveTrades(tx, execution.market, execution.trades, now),
		saveAccounts(tx, execution.accounts),
	]);
}

async function saveOrders(tx: Tx, symbol: string, orders: readonly ExecutionOrder[], now: Date): Promise<void> {
	if (orders.length === 0) return;
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	await tx.query(
		`INSERT INTO orders (symbol, created_at, updated_at, order_id, user_id, side, price_ticks, rests, quantity_lots,
			filled_lots, filled_notional, fee, hold, status, reject_code, report_seq, arrival_seq)
		SELECT $1, $2::timestamptz, $2::timestamptz, * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[],
			$7::boolean[], $8::bigint[], $9::bigint[], $10::numeric[], $11::numeric[], $12::numeric[], $13::text[],
			$14::text[], $15::integer[], $16::bigint[])
		ON CONFLICT (order_id) DO UPDATE SET filled_lots = excluded.filled_lots,
			filled_notional = excluded.filled_notional, fee = excluded.fee, hold = excluded.hold, status = excluded.status,
			report_seq = excluded.report_seq, updated_at = excluded.updated_at`,
		[
			symbol,
			now,
			orders.map((order) => order.orderId),
			orders.map((order) => order.userId),
			orders.map((order) => order.side),
			orders.map((order) => order.priceTicks),
			orders.map(mayRest),
			orders.map((order) => order.quantityLots),
			orders.map((order) => order.filledLots),
			orders.map((order) => money(order.filledNotional)),
			orders.map((order) => money(order.fee)),
			orders.map((order) => money(order.hold)),
			orders.map((order) => order.status),
			orders.map((order) => order.rejectReason),
			orders.map((order) => order.reportSeq),
			orders.map((order) => order.arrivalSeq),
		],
	);
}

async function saveTrades(tx: Tx, market: Market, trades: readonly ExecutedTrade[], now: Date): Promise<void> {
	if (trades.length === 0) return;
	await tx.query(
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
