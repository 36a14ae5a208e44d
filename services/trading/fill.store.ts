import type { RejectCode, Side } from "../../contracts/orders.ts";
import type { ExecutionReport, Fill } from "../../contracts/trading.ts";
import type { Db } from "../../lib/db.ts";
import { normalize } from "../../lib/kernel/decimal.ts";
import { refuse } from "../../lib/refuse.ts";

/** A report must fit into an answer; what is further behind is caught up with by events. */
const MAX_REPORTED_FILLS = 1_000;

interface ReportRow {
	order_id: string;
	user_id: string;
	symbol: string;
	status: ExecutionReport["status"];
	reject_code: RejectCode | null;
	replaced_by: string | null;
	report_seq: number;
	quantity: string;
	filled: string;
	filled_notional: string;
	fee: string;
	quote_asset: string;
	updated_at: Date;
}

/**
 * What has become of an order, with its fills since the report `afterSeq`; null when it never arrived. Refuses
 * `CAPACITY_EXCEEDED` when there are too many of them.
 */
export async function readReport(db: Db, orderId: string, afterSeq: number): Promise<ExecutionReport | null> {
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const [row] = await tx.query<ReportRow>(
			`SELECT o.*, quantity_lots * m.lot_size AS quantity, filled_lots * m.lot_size AS filled, m.quote_asset
			FROM orders o JOIN markets m USING (symbol) WHERE order_id = $1`,
			[orderId],
		);
		if (!row) return null;
		const fills = await tx.query<FillRow>(
			`SELECT f.*, m.quote_asset FROM fills f JOIN markets m USING (symbol)
			WHERE order_id = $1 AND report_seq > $2 ORDER BY report_seq, trade_id LIMIT ${MAX_REPORTED_FILLS + 1}`,
			[orderId, afterSeq],
		);
		if (fills.length > MAX_REPORTED_FILLS)
			throw refuse("CAPACITY_EXCEEDED", "The order has too many fills for one report");
		return {
			order_id: row.order_id,
			user_id: row.user_id,
			symbol: row.symbol,
			previous_seq: Math.min(afterSeq, row.report_seq),
			report_seq: row.report_seq,
			status: row.status,
			reject_code: row.reject_code,
			replaced_by: row.replaced_by,
			quantity: normalize(row.quantity),
			filled_quantity: normalize(row.filled),
			filled_notional: normalize(row.filled_notional),
			fee: normalize(row.fee),
			fee_asset: row.quote_asset,
			fills: fills.map(fillOf),
			timestamp: row.updated_at.toISOString(),
		};
	});
}

interface FillRow {
	trade_id: string;
	order_id: string;
	user_id: string;
	symbol: string;
	side: Side;
	liquidity: "maker" | "taker";
	price: string;
	quantity: string;
	fee: string;
	report_seq: number;
	created_at: Date;
	quote_asset: string;
}

function fillOf({ quote_asset, created_at, ...row }: FillRow): Fill {
	return {
		...row,
		price: normalize(row.price),
		quantity: normalize(row.quantity),
		fee: normalize(row.fee),
		fee_asset: quote_asset,
		created_at: created_at.toISOString(),
	};
}

interface FillFilter {
	readonly userId: string;
	readonly orderId: string | null;
	/** A trade's id, which grows with time, and a side of it: a user may have traded with himself. */
	readonly before: readonly [tradeId: string, liquidity: string] | null;
	readonly limit: number;
}

/**
 * The fills of a user, newest first. A condition stands there only where it is asked for, since a plan is kept for all
 * values: so an index is read from where a page begins to where it ends.
 */
export async function selectFills(db: Db, filter: FillFilter): Promise<Fill[]> {
	const bind: (string | number)[] = [filter.userId, filter.limit];
	const conditions = ["user_id = $1"];
	if (filter.orderId !== null) conditions.push(`order_id = $${bind.push(filter.orderId)}`);
	if (filter.before !== null) {
		const [tradeId, liquidity] = filter.before.map((part) => `$${bind.push(part)}`);
		conditions.push(`(trade_id, liquidity) < (${tradeId}, ${liquidity})`);
	}
	const rows = await db.query<FillRow>(
		`SELECT f.*, m.quote_asset FROM fills f JOIN markets m USING (symbol) WHERE ${conditions.join(" AND ")}
		ORDER BY trade_id DESC, liquidity DESC LIMIT $2`,
		bind,
	);
	return rows.map(fillOf);
}
