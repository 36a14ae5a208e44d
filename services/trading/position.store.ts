import type { Holding, Position as ShownPosition } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { divideDecimals, fromUnits, multiplyDecimals, normalize, toUnits } from "../../lib/kernel/decimal.ts";
import { ASSET_SCALE, fromTicks, type Market, marketOf, toTicks } from "./domain/market.ts";
import { type Position, unrealizedAt } from "./domain/positions.ts";

/** Average prices are rounded half to even at this many digits after the point. */
const AVERAGE_PRICE_SCALE = 10;

interface PositionRow {
	user_id: string;
	lots: string;
	cost: string;
	realized: string;
	fees: string;
	updated_at: Date;
}

function positionOf(row: PositionRow): Position {
	return {
		lots: BigInt(row.lots),
		cost: toUnits(row.cost, ASSET_SCALE),
		realized: toUnits(row.realized, ASSET_SCALE),
		fees: toUnits(row.fees, ASSET_SCALE),
	};
}

/** The positions of these users in a market, as its writer finds them. */
export async function readPositions(tx: Tx, symbol: string, users: Iterable<string>): Promise<Map<string, Position>> {
	const rows = await tx.query<PositionRow>("SELECT * FROM positions WHERE symbol = $1 AND user_id = ANY($2::uuid[])", [
		symbol,
		[...users],
	]);
	return new Map(rows.map((row) => [row.user_id, positionOf(row)]));
}

/** Writes positions as they now are. */
export function savePositions(tx: Tx, symbol: string, positions: ReadonlyMap<string, Position>, now: Date): void {
	if (positions.size === 0) return;
	const money = (field: "cost" | "realized" | "fees") =>
		[...positions.values()].map((position) => fromUnits(position[field], ASSET_SCALE));
	tx.execute(
		`INSERT INTO positions (symbol, updated_at, user_id, lots, cost, realized, fees)
		SELECT $1, $2::timestamptz, * FROM unnest($3::uuid[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[])
		ON CONFLICT (user_id, symbol) DO UPDATE SET lots = excluded.lots, cost = excluded.cost,
			realized = excluded.realized, fees = excluded.fees, updated_at = excluded.updated_at`,
		[
			symbol,
			now,
			[...positions.keys()],
			[...positions.values()].map((position) => position.lots.toString()),
			money("cost"),
			money("realized"),
			money("fees"),
		],
	);
}

/** A user's positions, by symbol; with closed ones, for what they have realised. */
export async function selectPositions(db: Pick<Db, "query">, userId: string): Promise<ShownPosition[]> {
	const rows = await db.query<PositionRow & Parameters<typeof marketOf>[0] & { readonly last_price: string }>(
		`SELECT p.*, m.base_asset, m.quote_asset, m.tick_size, m.lot_size, m.maker_fee_bps, m.taker_fee_bps, m.status,
			(SELECT price FROM trades t WHERE t.symbol = p.symbol ORDER BY trade_seq DESC LIMIT 1) AS last_price
		FROM positions p JOIN markets m USING (symbol) WHERE user_id = $1 ORDER BY symbol`,
		[userId],
	);
	return rows.map((row) => shownOf(marketOf(row), positionOf(row), row));
}

function shownOf(
	market: Market,
	position: Position,
	{ last_price: last, updated_at }: { readonly last_price: string; readonly updated_at: Date },
): ShownPosition {
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	const quantity = money(position.lots * market.lotUnits);
	const ticks = toTicks(market, last);
	return {
		symbol: market.symbol,
		quantity,
		average_price: position.lots === 0n ? null : divideDecimals(money(position.cost), quantity, AVERAGE_PRICE_SCALE),
		cost: money(position.cost),
		last_price: fromTicks(market, ticks),
		value: multiplyDecimals(quantity, last),
		realized_profit: money(position.realized),
		unrealized_profit: money(unrealizedAt(market, position, ticks)),
		fees: money(position.fees),
		updated_at: updated_at.toISOString(),
	};
}

/** What a user has of each asset, and what that is worth in `asset` at the last price of their market, if any. */
export async function selectHoldings(db: Pick<Db, "query">, userId: string, asset: string): Promise<Holding[]> {
	const rows = await db.query<{ asset: string; balance: string; price: string | null }>(
		`SELECT a.asset, balance, CASE WHEN a.asset = $2 THEN 1 ELSE (
				SELECT (SELECT price FROM trades t WHERE t.symbol = m.symbol ORDER BY trade_seq DESC LIMIT 1)
				FROM markets m WHERE m.base_asset = a.asset AND m.quote_asset = $2 ORDER BY symbol LIMIT 1) END AS price
		FROM accounts a WHERE owner = $1 ORDER BY a.asset`,
		[userId, asset],
	);
	return rows.map((row) => ({
		asset: row.asset,
		balance: normalize(row.balance),
		price: row.price === null ? null : normalize(row.price),
		value: row.price === null ? null : normalize(multiplyDecimals(row.balance, row.price)),
	}));
}
