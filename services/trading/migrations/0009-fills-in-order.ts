import type { Tx } from "../../../lib/db.ts";

/**
 * Both halves of `fills` have columns of the same types: only then can PostgreSQL merge what the indexes of both give
 * in its order, and end with a page of it. A domain on one side alone had all fills of a user read and sorted.
 */
export async function up(tx: Tx): Promise<void> {
	await tx.query(FILLS);
}

const FILLS = `
	CREATE OR REPLACE VIEW fills AS
		SELECT trade_id, maker_order_id AS order_id, maker_user_id AS user_id, symbol,
			CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END AS side, 'maker' AS liquidity,
			price, quantity, maker_fee AS fee, maker_report_seq AS report_seq, created_at FROM trades
		UNION ALL
		SELECT trade_id, taker_order_id, taker_user_id, symbol, taker_side::text, 'taker',
			price, quantity, taker_fee, taker_report_seq, created_at FROM trades`;
