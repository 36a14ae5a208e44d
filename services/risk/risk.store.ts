import type { RiskCode, RiskDecision, RiskLimits } from "../../contracts/risk.ts";
import type { TradeExecuted } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { normalize } from "../../lib/kernel/decimal.ts";
import type { LimitRow } from "./domain/decide.ts";

/** The scope of the limits that hold for whoever has none of his own. */
export const DEFAULT_SCOPE = "default";

interface LimitsRow {
	scope: string;
	max_order_notional: string | null;
	max_open_orders: number | null;
	version: number;
	updated_at: Date;
}

/** Limits with the number of the event that told of them. */
interface StoredLimits extends RiskLimits {
	readonly version: number;
}

function limitsOf(row: LimitsRow): StoredLimits {
	const { max_order_notional: notional, updated_at, ...rest } = row;
	return { ...rest, max_order_notional: notional && normalize(notional), updated_at: updated_at.toISOString() };
}

/** Limits as everybody but this service sees them. */
export function shown({ version: _, ...limits }: StoredLimits): RiskLimits {
	return limits;
}

/** The limits as the domain takes them. */
export function limitRowOf(limits: RiskLimits | undefined): LimitRow | undefined {
	return limits && { maxOpenOrders: limits.max_open_orders, maxOrderNotional: limits.max_order_notional };
}

/** The limits that there are for `scopes`, by scope. */
export async function readLimits(on: Db | Tx, scopes: readonly string[]): Promise<Map<string, RiskLimits>> {
	const rows = await on.query<LimitsRow>("SELECT * FROM limits WHERE scope = ANY($1::text[])", [scopes]);
	return new Map(rows.map((row) => [row.scope, limitsOf(row)]));
}

/** Saves what `change` gives and leaves the rest as it is; one statement, so that no change is lost to another. */
export async function saveLimits(
	tx: Tx,
	scope: string,
	change: { readonly max_order_notional?: string | null; readonly max_open_orders?: number | null },
): Promise<StoredLimits> {
	const [row] = await tx.query<LimitsRow>(
		`INSERT INTO limits AS old (scope, max_order_notional, max_open_orders, version, updated_at)
		VALUES ($1, $2, $3, 1, now())
		ON CONFLICT (scope) DO UPDATE SET
			max_order_notional = CASE WHEN $4 THEN excluded.max_order_notional ELSE old.max_order_notional END,
			max_open_orders = CASE WHEN $5 THEN excluded.max_open_orders ELSE old.max_open_orders END,
			version = old.version + 1, updated_at = now()
		RETURNING *`,
		[
			scope,
			change.max_order_notional ?? null,
			change.max_open_orders ?? null,
			change.max_order_notional !== undefined,
			change.max_open_orders !== undefined,
		],
	);
	if (!row) throw new Error("an upsert gives its row");
	return limitsOf(row);
}

/** The last price of each of `symbols` that has traded. */
export async function readMarks(tx: Tx, symbols: readonly string[]): Promise<Map<string, string>> {
	if (symbols.length === 0) return new Map();
	const rows = await tx.query<{ symbol: string; price: string }>(
		"SELECT symbol, price FROM marks WHERE symbol = ANY($1::text[])",
		[symbols],
	);
	return new Map(rows.map((row) => [row.symbol, row.price]));
}

/** Moves the last prices on; a trade from before the known one changes nothing. */
export function saveMarks(tx: Tx, trades: readonly TradeExecuted[]): void {
	tx.execute(
		`INSERT INTO marks (symbol, price, trade_seq)
		SELECT DISTINCT ON (symbol) *
		FROM unnest($1::text[], $2::numeric[], $3::bigint[]) AS trade (symbol, price, trade_seq)
		ORDER BY symbol, trade_seq DESC
		ON CONFLICT (symbol) DO UPDATE SET price = excluded.price, trade_seq = excluded.trade_seq
		WHERE marks.trade_seq < excluded.trade_seq`,
		[trades.map((trade) => trade.symbol), trades.map((trade) => trade.price), trades.map((trade) => trade.trade_seq)],
	);
}

/** A decision on an order, to be kept. */
interface Decided {
	readonly orderId: string;
	readonly userId: string;
	readonly decision: RiskDecision;
}

interface DecisionRow {
	order_id: string;
	code: RiskCode | null;
	limit_value: string | null;
	observed: string | null;
}

/** Keeps decisions, at most one per order, and gives those in force by order: the earlier one where there is one. */
export async function keepDecisions(tx: Tx, decided: readonly Decided[]): Promise<Map<string, RiskDecision>> {
	if (decided.length === 0) return new Map();
	const firsts = [...new Map(decided.toReversed().map((item) => [item.orderId, item])).values()];
	// The update changes nothing: it makes the statement give the row that is there. In order, so that two batches with
	// the same orders wait for each other and not in a circle.
	const rows = await tx.query<DecisionRow>(
		`INSERT INTO decisions (order_id, user_id, code, limit_value, observed)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS decided (order_id)
		ORDER BY order_id
		ON CONFLICT (order_id) DO UPDATE SET order_id = excluded.order_id
		RETURNING order_id, code, limit_value, observed`,
		[
			firsts.map((item) => item.orderId),
			firsts.map((item) => item.userId),
			firsts.map((item) => item.decision.code),
			firsts.map((item) => item.decision.limit),
			firsts.map((item) => item.decision.observed),
		],
	);
	return new Map(rows.map((row) => [row.order_id, decisionOf(row)]));
}

function decisionOf({ code, limit_value: limit, observed }: DecisionRow): RiskDecision {
	return { allowed: code === null, code, limit, observed };
}
