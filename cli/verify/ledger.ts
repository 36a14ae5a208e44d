import type { Db } from "../../lib/db.ts";
import { type Invariant, offencesOf } from "./invariant.ts";

/** What must hold of money and books, in the database of trading alone. */
export const LEDGER_INVARIANTS: readonly Invariant[] = [
	{
		id: "I1",
		says: "every journal adds up to 0 per asset, and no amount is NaN",
		check: async ({ trading }) => [...(await unbalancedJournals(trading)), ...(await notNumbers(trading))],
	},
	{
		id: "I2",
		says: "every balance is the sum of its postings, and nobody's available money is below 0",
		check: ({ trading }) =>
			offencesOf(
				trading,
				`SELECT owner || ' ' || asset || ': balance ' || coalesce(balance, 0) || ', held ' || coalesce(held, 0)
					|| ', postings ' || coalesce(posted, 0) AS offence
				FROM accounts FULL JOIN (SELECT owner, asset, sum(amount) AS posted FROM postings GROUP BY owner, asset) p
					USING (owner, asset)
				WHERE coalesce(balance, 0) <> coalesce(posted, 0) OR (kind = 'user' AND (held < 0 OR balance < held))`,
			),
	},
	{
		id: "I3",
		says: "all accounts of an asset add up to deposits less withdrawals",
		check: ({ trading }) =>
			offencesOf(
				trading,
				`SELECT asset || ': accounts ' || coalesce(inside, 0) || ', transfers ' || coalesce(moved, 0) AS offence
				FROM (SELECT asset, sum(balance) AS inside FROM accounts WHERE owner <> 'external' GROUP BY asset) a
				FULL JOIN (SELECT asset, sum(CASE kind WHEN 'deposit' THEN amount ELSE -amount END) AS moved
					FROM transfers GROUP BY asset) t USING (asset)
				WHERE coalesce(inside, 0) <> coalesce(moved, 0)`,
			),
	},
	{
		id: "I5",
		says: "a trade has a buyer and a seller at a price both allow, and fills add up to what orders and positions have",
		check: async ({ trading }) => [
			...(await wrongTrades(trading)),
			...(await wrongFills(trading)),
			...(await wrongPositions(trading)),
		],
	},
	{
		id: "I7",
		says: "an order that has ended holds nothing, and what is held is what open orders can still cost",
		check: async ({ trading }) => [...(await wrongHolds(trading)), ...(await wrongHeldSums(trading))],
	},
	{
		id: "I13",
		says: "no book is crossed, and what it shows of an order is a slice of what is left of it",
		check: async ({ trading }) => [...(await crossedBooks(trading)), ...(await wrongSlices(trading))],
	},
];

function crossedBooks(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT symbol || ': bid ' || bid || ' meets ask ' || ask || ' (ticks)' AS offence FROM (
			SELECT symbol, max(price_ticks) FILTER (WHERE side = 'buy') AS bid,
				min(price_ticks) FILTER (WHERE side = 'sell') AS ask
			FROM orders WHERE status IN ('open', 'partially_filled') GROUP BY symbol) best
		WHERE bid >= ask`,
	);
}

/** What rests shows all that is left of it, or a slice; nothing else shows anything. */
function wrongSlices(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'order ' || order_id || ' (' || status || ') shows ' || visible_lots || ' of ' || left_over || ' lots'
			AS offence
		FROM (SELECT *, quantity_lots - filled_lots AS left_over FROM orders) o
		WHERE CASE WHEN status NOT IN ('open', 'partially_filled') THEN visible_lots <> 0
			WHEN display_lots IS NULL THEN visible_lots <> left_over
			ELSE visible_lots NOT BETWEEN 1 AND least(display_lots, left_over) END`,
	);
}

function unbalancedJournals(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'journal ' || journal_id || ' is off by ' || sum(amount) || ' ' || asset AS offence
		FROM postings GROUP BY journal_id, asset HAVING sum(amount) <> 0`,
	);
}

function notNumbers(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'NaN in account ' || owner AS offence FROM accounts WHERE 'NaN' IN (balance, held)
		UNION ALL SELECT 'NaN in posting ' || posting_id FROM postings WHERE amount = 'NaN'
		UNION ALL SELECT 'NaN in order ' || order_id FROM orders WHERE 'NaN' IN (filled_notional, fee, hold)
		UNION ALL SELECT 'NaN in trade ' || trade_id FROM trades WHERE 'NaN' IN (price, quantity, maker_fee, taker_fee)`,
	);
}

function wrongTrades(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'trade ' || trade_id || ' does not fit its orders' AS offence
		FROM trades t JOIN markets m USING (symbol)
			JOIN orders maker ON maker.order_id = maker_order_id JOIN orders taker ON taker.order_id = taker_order_id
		WHERE taker.side <> taker_side OR maker.side = taker.side OR maker.price_ticks * m.tick_size <> price
			OR (taker.price_ticks * m.tick_size - price) * CASE taker_side WHEN 'buy' THEN 1 ELSE -1 END < 0`,
	);
}

function wrongFills(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'order ' || order_id || ' was filled ' || filled_lots * lot_size || ', its fills are '
			|| coalesce(quantity, 0) AS offence
		FROM orders o JOIN markets m USING (symbol)
			LEFT JOIN (SELECT order_id, sum(quantity) AS quantity, sum(price * quantity) AS notional, sum(fee) AS fee
				FROM fills GROUP BY order_id) f USING (order_id)
		WHERE filled_lots * lot_size <> coalesce(quantity, 0) OR filled_notional <> coalesce(f.notional, 0)
			OR o.fee <> coalesce(f.fee, 0)`,
	);
}

/** What was paid and received for a position is its cost and what it has realised. */
function wrongPositions(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT 'position of ' || user_id || ' in ' || symbol || ' is not what its fills add up to' AS offence
		FROM (SELECT user_id, symbol, lots * lot_size AS held, realized - cost AS money, fees
			FROM positions JOIN markets USING (symbol)) p
		FULL JOIN (SELECT user_id, symbol, sum(quantity * sign) AS held, sum(-price * quantity * sign) AS money,
				sum(fee) AS fees
			FROM fills, LATERAL (SELECT CASE side WHEN 'buy' THEN 1 ELSE -1 END AS sign) s GROUP BY user_id, symbol) f
			USING (user_id, symbol)
		WHERE p.held IS DISTINCT FROM f.held OR p.money IS DISTINCT FROM f.money OR p.fees IS DISTINCT FROM f.fees`,
	);
}

/**
 * A buy holds its limit price with the higher fee, rounded down to a unit of 10^-10, or its stop price where it has no
 * limit; a sell holds what is left of it. The stop of a pair holds what it costs beyond its limit.
 */
function wrongHolds(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`WITH due AS (
			SELECT order_id, linked_to, order_type, o.status, hold, CASE
				WHEN o.status NOT IN ('held', 'open', 'partially_filled') THEN 0
				WHEN side = 'sell' THEN left_over
				ELSE left_over * price
					+ trunc(left_over * price * greatest(maker_fee_bps, taker_fee_bps) / 10000, 10) END AS cost
			FROM orders o JOIN markets m USING (symbol),
				LATERAL (SELECT (quantity_lots - filled_lots) * lot_size AS left_over,
					coalesce(price_ticks, stop_ticks) * tick_size AS price) n)
		SELECT 'order ' || d.order_id || ' (' || d.status || ') holds ' || d.hold || ' in place of ' || own AS offence
		FROM due d LEFT JOIN due twin ON twin.order_id = d.linked_to,
			LATERAL (SELECT CASE WHEN d.status = 'held' AND twin.cost > 0 THEN greatest(0, d.cost - twin.cost)
				ELSE d.cost END AS own) h
		WHERE d.hold <> own`,
	);
}

function wrongHeldSums(trading: Db): Promise<string[]> {
	return offencesOf(
		trading,
		`SELECT owner || ' ' || asset || ': ' || held || ' held, open orders hold ' || coalesce(hold, 0) AS offence
		FROM accounts LEFT JOIN (
			SELECT user_id::text AS owner, sum(hold) AS hold,
				CASE side WHEN 'buy' THEN quote_asset ELSE base_asset END AS asset
			FROM orders JOIN markets USING (symbol) GROUP BY owner, 3) h USING (owner, asset)
		WHERE held <> coalesce(hold, 0)`,
	);
}
