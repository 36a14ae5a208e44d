import type { Side } from "../../contracts/orders.ts";
import type { Trade } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";

interface TradeRow {
	trade_id: string;
	trade_seq: string;
	symbol: string;
	price: string;
	quantity: string;
	taker_side: Side;
	created_at: Date;
}

/** Adds trades to the tape; one that is there already stays as it is. */
export function saveTrades(tx: Tx, trades: readonly Trade[]): void {
	tx.execute(
		`INSERT INTO trades (trade_id, trade_seq, symbol, price, quantity, taker_side, created_at)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[], $6::text[],
			$7::timestamptz[])
		ON CONFLICT (trade_id) DO NOTHING`,
		[
			trades.map((trade) => trade.trade_id),
			trades.map((trade) => trade.trade_seq),
			trades.map((trade) => trade.symbol),
			trades.map((trade) => trade.price),
			trades.map((trade) => trade.quantity),
			trades.map((trade) => trade.taker_side),
			trades.map((trade) => trade.created_at),
		],
	);
}

/** The trades of a symbol with a higher number than `after`, oldest first. */
export async function tradesAfter(db: Db, symbol: string, after: string, limit: number): Promise<Trade[]> {
	const rows = await db.query<TradeRow>(
		`SELECT trade_id, trade_seq, symbol, price, quantity, taker_side, created_at FROM trades
		WHERE symbol = $1 AND trade_seq > $2 ORDER BY trade_seq LIMIT $3`,
		[symbol, after, limit],
	);
	return rows.map((row) => ({ ...row, trade_seq: Number(row.trade_seq), created_at: row.created_at.toISOString() }));
}
