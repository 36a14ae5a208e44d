import type { Order } from "../../../contracts/orders.ts";
import type { ExecutionReport } from "../../../contracts/trading.ts";
import type { Db } from "../../../lib/db.ts";
import { fromUnits, toUnits } from "../../../lib/kernel/decimal.ts";
import { ASSET_SCALE, type Market, toLots, toTicks } from "../../../services/trading/domain/market.ts";
import { type ExecutionOrder, isStop } from "../../../services/trading/domain/order.ts";
import { excessHold, openHold } from "../../../services/trading/domain/settlement.ts";
import { type OrderRow, orderOf } from "../../../services/trading/execution.store.ts";
import { executionOrderOf } from "../../../services/trading/submission.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Entry } from "./state-hash.ts";

/** An order of a book, as it stands or as the log gives it. */
export interface BookOrder {
	readonly key: string;
	readonly market: Market;
	/** Null where the log has lost what tells of it. */
	readonly order: ExecutionOrder | null;
}

const WORKING = "('held', 'open', 'partially_filled')";
/** How many orders' terms are asked for at once. */
const TERMS_AT_A_TIME = 1_000;

/** The orders of all books as they stand, by id. */
export async function* liveOrders(trading: Snapshot, markets: ReadonlyMap<string, Market>): AsyncGenerator<BookOrder> {
	const rows = trading.rows<OrderRow & { symbol: string }>(
		`SELECT * FROM orders WHERE status IN ${WORKING} ORDER BY order_id`,
	);
	for await (const row of rows) yield { key: row.order_id, market: marketIn(markets, row.symbol), order: orderOf(row) };
}

interface Told {
	readonly key: string;
	readonly report: ExecutionReport;
}

/**
 * The same by what was told: its terms when it was created, where it had come to by its last report. Ended orders are
 * dropped where they are sorted, so that only working ones cross over with their data.
 */
export async function* rebuiltOrders(
	trading: Snapshot,
	orders: Db,
	markets: ReadonlyMap<string, Market>,
): AsyncGenerator<BookOrder> {
	const last = trading.rows<Told>(
		`SELECT order_id::text AS key, report FROM (
			SELECT DISTINCT ON (order_id) order_id, report FROM (
				SELECT substr(aggregate_id, 11)::uuid AS order_id, aggregate_seq,
					CASE WHEN data->>'status' IN ${WORKING} THEN data END AS report
				FROM outbox WHERE type = 'trading.execution_reported') r
			ORDER BY order_id, aggregate_seq DESC) l
		WHERE report IS NOT NULL ORDER BY order_id`,
	);
	for await (const page of pagesOf(last)) {
		const twins = await readTwins(trading, page);
		const created = await readCreated(orders, [...page, ...twins.values()]);
		const made = (told: Told | undefined) => {
			const terms = told && created.get(told.key);
			return told && terms ? orderFrom(marketIn(markets, told.report.symbol), terms, told.report) : null;
		};
		for (const told of page) {
			const [market, order] = [marketIn(markets, told.report.symbol), made(told)];
			const limit = order && made(twins.get(order.linkedTo ?? ""));
			if (order) order.hold = limit ? excessHold(market, order, limit) : openHold(market, order);
			yield { key: told.key, market, order };
		}
	}
}

/** The limits that stops of `page` are the twins of, as long as these work, by id. */
async function readTwins(trading: Snapshot, page: readonly Told[]): Promise<Map<string, Told>> {
	const ids = page.flatMap(({ report: { status, standing } }) => (status === "held" && standing?.linked_to) || []);
	if (ids.length === 0) return new Map();
	const rows = await trading.few<Told>(
		`SELECT DISTINCT ON (aggregate_id) substr(aggregate_id, 11) AS key, data AS report FROM outbox
		WHERE type = 'trading.execution_reported' AND aggregate_id = ANY($1::text[])
		ORDER BY aggregate_id, aggregate_seq DESC`,
		[ids.map((id) => `execution:${id}`)],
	);
	const resting: readonly string[] = ["open", "partially_filled"];
	return new Map(rows.filter(({ report }) => resting.includes(report.status)).map((told) => [told.key, told]));
}

async function* pagesOf(rows: AsyncGenerator<Told>): AsyncGenerator<Told[]> {
	let page: Told[] = [];
	for await (const row of rows) {
		page.push(row);
		if (page.length < TERMS_AT_A_TIME) continue;
		yield page;
		page = [];
	}
	if (page.length > 0) yield page;
}

/** An order is created in `orders` before it reaches `trading`, so that what is read later has it. */
async function readCreated(orders: Db, page: readonly Told[]): Promise<Map<string, Order>> {
	const rows = await orders.query<{ aggregate_id: string; data: Order }>(
		`SELECT aggregate_id, data FROM outbox
		WHERE aggregate_id = ANY($1::text[]) AND aggregate_seq = 1 AND type = 'orders.created'`,
		[page.map(({ key }) => key)],
	);
	return new Map(rows.map((row) => [row.aggregate_id, row.data]));
}

/** What it holds follows from what is left of it, and of its twin. */
function orderFrom(market: Market, created: Order, report: ExecutionReport): ExecutionOrder | null {
	const { standing } = report;
	if (!standing) return null;
	const lots = (quantity: string) => (quantity === "0" ? 0 : toLots(market, quantity));
	const ticks = (price: string | null) => (price === null ? null : toTicks(market, price));
	return Object.assign(executionOrderOf(market, created, standing.linked_to ?? null), {
		userId: report.user_id,
		quantityLots: lots(report.quantity),
		filledLots: lots(report.filled_quantity),
		visibleLots: lots(standing.visible_quantity),
		filledNotional: toUnits(report.filled_notional, ASSET_SCALE),
		fee: toUnits(report.fee, ASSET_SCALE),
		status: report.status,
		reportSeq: report.report_seq,
		arrivalSeq: standing.arrival_seq,
		stopTicks: ticks(standing.stop_price),
		extremeTicks: ticks(standing.trailing?.best_price ?? null),
		sinceTradeSeq: standing.trailing?.trade_seq ?? 0,
	});
}

/** All that a book goes by, but for how far a trailing stop has followed the price: that is compared by itself. */
export function bookEntryOf({ key, market, order }: BookOrder): Entry {
	if (!order) return { key, facts: {} };
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	return {
		key,
		facts: {
			market: market.symbol,
			user_id: order.userId,
			side: order.side,
			order_type: order.orderType,
			time_in_force: order.timeInForce,
			status: order.status,
			price_ticks: order.priceTicks,
			stop_ticks: order.stopTicks,
			trail_ticks: order.trailTicks,
			trail_bps: order.trailBps,
			arrival_seq: order.arrivalSeq,
			quantity_lots: order.quantityLots,
			filled_lots: order.filledLots,
			visible_lots: order.visibleLots,
			display_lots: order.displayLots,
			filled_notional: money(order.filledNotional),
			fee: money(order.fee),
			hold: money(order.hold),
			post_only: order.postOnly,
			reduce_only: order.reduceOnly,
			self_trade_prevention: order.selfTradePrevention,
			expires_at_ms: order.expiresAtMs,
			replaces: order.replaces,
			linked_to: order.linkedTo,
			report_seq: order.reportSeq,
		},
	};
}

/** Whether the order follows the price. */
export function isTrailing({ order }: BookOrder): boolean {
	return order !== null && isStop(order) && order.orderType === "trailing_stop";
}

function marketIn(markets: ReadonlyMap<string, Market>, symbol: string): Market {
	const market = markets.get(symbol);
	if (!market) throw new Error(`market ${symbol} has no row`);
	return market;
}
