import type { Tx } from "../../../lib/db.ts";
import { fromUnits, toUnits } from "../../../lib/kernel/decimal.ts";
import { ASSET_SCALE, type Market, marketOf, toLots, toTicks } from "../domain/market.ts";
import { afterFill, FLAT, type Position } from "../domain/positions.ts";

/** What each user holds of each market by trading, at its average cost; made from the trades there are. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(POSITIONS);
	const markets = await tx.query<Parameters<typeof marketOf>[0]>("SELECT * FROM markets");
	for (const rules of markets) await rebuild(tx, marketOf(rules));
}

/** Only a market's writer touches its positions, under its fence. */
const POSITIONS = `
	CREATE TABLE positions (
		user_id uuid NOT NULL,
		symbol text NOT NULL REFERENCES markets (symbol),
		lots numeric NOT NULL CHECK (lots <> 'NaN'),
		cost numeric NOT NULL CHECK (cost <> 'NaN'),
		realized numeric NOT NULL CHECK (realized <> 'NaN'),
		fees numeric NOT NULL CHECK (fees >= 0 AND fees <> 'NaN'),
		updated_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (user_id, symbol),
		CONSTRAINT positions_cost_of_something CHECK (sign(cost) * sign(lots) >= 0 AND (lots <> 0 OR cost = 0))
	)`;

interface FillRow {
	user_id: string;
	side: "buy" | "sell";
	price: string;
	quantity: string;
	fee: string;
	trade_seq: string;
}

const PAGE = 10_000;

async function rebuild(tx: Tx, market: Market): Promise<void> {
	const positions = new Map<string, Position>();
	for (let after = "0"; ; ) {
		const rows = await tx.query<FillRow>(
			`SELECT f.user_id, f.side, f.price, f.quantity, f.fee, t.trade_seq FROM (
				SELECT trade_id, trade_seq FROM trades WHERE symbol = $1 AND trade_seq > $2 ORDER BY trade_seq LIMIT ${PAGE}) t
			JOIN fills f USING (trade_id) ORDER BY t.trade_seq, f.liquidity`,
			[market.symbol, after],
		);
		for (const row of rows) {
			const fill = {
				side: row.side,
				ticks: toTicks(market, row.price),
				lots: toLots(market, row.quantity),
				fee: toUnits(row.fee, ASSET_SCALE),
			};
			positions.set(row.user_id, afterFill(market, positions.get(row.user_id) ?? FLAT, fill));
		}
		const last = rows.at(-1);
		if (!last) break;
		after = last.trade_seq;
	}
	const all = [...positions];
	await tx.query(
		`INSERT INTO positions (symbol, user_id, lots, cost, realized, fees)
		SELECT $1, * FROM unnest($2::uuid[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[])`,
		[
			market.symbol,
			all.map(([userId]) => userId),
			all.map(([, position]) => position.lots.toString()),
			...(["cost", "realized", "fees"] as const).map((field) =>
				all.map(([, position]) => fromUnits(position[field], ASSET_SCALE)),
			),
		],
	);
}
