import { toTicks } from "../../../services/trading/domain/market.ts";
import { followPrice } from "../../../services/trading/domain/stops.ts";
import type { BookOrder } from "./books.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Lets trailing stops follow the trades since those that they have taken in, so that two of them can be compared
 * whenever each was kept. They are few: a book has room for 10,000.
 */
export async function followTrades(trading: Snapshot, stops: readonly BookOrder[]): Promise<void> {
	for (const [market, own] of Map.groupBy(stops, (stop) => stop.market)) {
		const orders = own.flatMap(({ order }) => order ?? []);
		const rows = await trading.few<{ since: string; low: string; high: string }>(
			`WITH onwards AS (
				SELECT trade_seq - 1 AS since, min(price) OVER later AS low, max(price) OVER later AS high
				FROM trades WHERE symbol = $1 AND trade_seq > (SELECT min(s) FROM unnest($2::bigint[]) s)
				WINDOW later AS (ORDER BY trade_seq DESC))
			SELECT since, low, high FROM onwards WHERE since = ANY($2::bigint[])`,
			[market.symbol, [...new Set(orders.map((order) => order.sinceTradeSeq))]],
		);
		const bySeq = new Map(rows.map((row) => [Number(row.since), row]));
		for (const order of orders) {
			const since = bySeq.get(order.sinceTradeSeq);
			if (since) followPrice(order, toTicks(market, order.side === "buy" ? since.low : since.high));
		}
	}
}
