import type { Db } from "../../lib/db.ts";
import { type Market, toTicks } from "./domain/market.ts";
import type { ExecutionOrder, Side } from "./domain/order.ts";
import { followPrice } from "./domain/stops.ts";
import { type OrderRow, orderOf } from "./execution.store.ts";

/** How many orders are read at a time: enough that the way to the database does not count. */
const PAGE = 10_000;

/** What an order is made of, and no more: a column less is seconds less, a column too few does not compile. */
const COLUMNS = Object.keys({
	order_id: true,
	user_id: true,
	side: true,
	order_type: true,
	time_in_force: true,
	price_ticks: true,
	notional: true,
	stop_ticks: true,
	trail_ticks: true,
	trail_bps: true,
	extreme_ticks: true,
	since_trade_seq: true,
	post_only: true,
	reduce_only: true,
	display_lots: true,
	self_trade_prevention: true,
	expires_at: true,
	replaces: true,
	replaced_by: true,
	linked_to: true,
	quantity_lots: true,
	filled_lots: true,
	visible_lots: true,
	filled_notional: true,
	fee: true,
	hold: true,
	status: true,
	reject_code: true,
	report_seq: true,
	arrival_seq: true,
} satisfies Record<keyof OrderRow, true>).join(", ");

/** The orders of a market that rest in its book or wait for a price, oldest first, page by page. */
export async function* readWorkingOrders(db: Db, market: Market): AsyncGenerator<ExecutionOrder[]> {
	const extremes = await readExtremes(db, market);
	const texts = new Map<string, string>();
	let next: Promise<OrderRow[]> | null = readPage(db, market.symbol, 0);
	while (next) {
		const rows: OrderRow[] = await next;
		const last = rows.at(-1);
		// The database reads on while this page goes into the book.
		next = last && rows.length === PAGE ? readPage(db, market.symbol, Number(last.arrival_seq)) : null;
		next?.catch(() => {});
		yield rows.map((row) => {
			shareTexts(row, texts);
			const order = orderOf(row);
			const since = extremes.get(order.orderId);
			if (since) followPrice(order, since[order.side]);
			return order;
		});
	}
}

function readPage(db: Db, symbol: string, after: number): Promise<OrderRow[]> {
	return db.transaction((tx) =>
		tx.query<OrderRow>(
			`SELECT ${COLUMNS} FROM orders
			WHERE symbol = $1 AND status IN ('held', 'open', 'partially_filled') AND arrival_seq > $2
			ORDER BY arrival_seq LIMIT ${PAGE}`,
			[symbol, after],
		),
	);
}

/** Of most texts there are few values, or few beside the orders: a million orders need not have a copy each. */
function shareTexts(row: OrderRow, texts: Map<string, string>): void {
	row.user_id = shared(row.user_id, texts);
	row.side = shared(row.side, texts);
	row.order_type = shared(row.order_type, texts);
	row.time_in_force = shared(row.time_in_force, texts);
	row.self_trade_prevention = shared(row.self_trade_prevention, texts);
	row.status = shared(row.status, texts);
}

function shared<Text extends string>(text: Text, texts: Map<string, string>): Text {
	const known = texts.get(text);
	if (known !== undefined) return known as Text;
	texts.set(text, text);
	return text;
}

/** How many orders of a market rest or wait. */
export async function countWorkingOrders(db: Db, symbol: string): Promise<number> {
	const [row] = await db.query<{ count: string }>(
		"SELECT count(*) FROM orders WHERE symbol = $1 AND status IN ('held', 'open', 'partially_filled')",
		[symbol],
	);
	return Number(row?.count ?? 0);
}

/**
 * The lowest price, which a trailing stop to buy follows, and the highest since each one's `since_trade_seq`. The
 * trades since the oldest of these are read once for all.
 */
async function readExtremes(db: Db, market: Market): Promise<Map<string, Readonly<Record<Side, number>>>> {
	const rows = await db.query<{ order_id: string; low: string; high: string }>(
		`WITH extremes AS (
			SELECT trade_seq, min(price) OVER onwards AS low, max(price) OVER onwards AS high
			FROM trades WHERE symbol = $1 AND trade_seq > (
				SELECT min(since_trade_seq) FROM orders
				WHERE symbol = $1 AND status = 'held' AND order_type = 'trailing_stop')
			WINDOW onwards AS (ORDER BY trade_seq DESC)
		)
		SELECT order_id, low, high FROM orders JOIN extremes ON trade_seq = since_trade_seq + 1
		WHERE symbol = $1 AND status = 'held' AND order_type = 'trailing_stop'`,
		[market.symbol],
	);
	return new Map(rows.map((row) => [row.order_id, { buy: toTicks(market, row.low), sell: toTicks(market, row.high) }]));
}
