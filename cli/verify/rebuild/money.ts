import { fromUnits, normalize, toUnits } from "../../../lib/kernel/decimal.ts";
import { accountKey } from "../../../services/trading/domain/accounts.ts";
import { ASSET_SCALE, type Market, toLots, toTicks } from "../../../services/trading/domain/market.ts";
import { afterFill, FLAT, type Position } from "../../../services/trading/domain/positions.ts";
import { assetOf } from "../../../services/trading/domain/settlement.ts";
import type { BookOrder } from "./books.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Entry } from "./state-hash.ts";

/** What open orders hold, by account: as many entries as there are accounts with open orders. */
export type Holds = Map<string, bigint>;

/** Counts in what a working order holds. */
export function addHold(holds: Holds, { market, order }: BookOrder): void {
	if (!order) return;
	const key = accountKey(order.userId, assetOf(market, order));
	holds.set(key, (holds.get(key) ?? 0n) + order.hold);
}

interface AccountRow {
	readonly key: string;
	readonly balance: string;
	readonly held: string;
}

/** The accounts as they stand; one that is empty is as good as none. */
export async function* liveAccounts(trading: Snapshot): AsyncGenerator<Entry> {
	const rows = trading.rows<AccountRow>(
		`SELECT owner || '/' || asset AS key, balance, held FROM accounts WHERE balance <> 0 OR held <> 0
		ORDER BY (owner || '/' || asset) COLLATE "C"`,
	);
	for await (const row of rows) yield accountEntry(row.key, row.balance, normalize(row.held));
}

/** The same by the transfers and trades there have been, and by what the rebuilt orders hold. */
export async function* rebuiltAccounts(trading: Snapshot, holds: Holds): AsyncGenerator<Entry> {
	for await (const { key, balance } of trading.rows<Omit<AccountRow, "held">>(MOVED)) {
		const held = holds.get(key) ?? 0n;
		if (balance !== "0" || held !== 0n) yield accountEntry(key, balance, fromUnits(held, ASSET_SCALE));
	}
}

function accountEntry(key: string, balance: string, held: string): Entry {
	return { key, facts: { balance: normalize(balance), held } };
}

const MOVED = `
	SELECT owner || '/' || asset AS key, trim_scale(sum(amount)) AS balance FROM (
		SELECT owner, asset, CASE kind WHEN 'deposit' THEN amount ELSE -amount END * sign AS amount
		FROM transfers, LATERAL (VALUES (user_id::text, 1), ('external', -1)) s (owner, sign)
		UNION ALL
		SELECT line.* FROM trades t JOIN markets m USING (symbol),
			LATERAL (SELECT CASE taker_side WHEN 'buy' THEN 1 ELSE -1 END AS taken) s,
			LATERAL (VALUES
				(taker_user_id::text, base_asset, quantity * taken),
				(maker_user_id::text, base_asset, -quantity * taken),
				(taker_user_id::text, quote_asset, -price * quantity * taken - taker_fee),
				(maker_user_id::text, quote_asset, price * quantity * taken - maker_fee),
				('fees:' || symbol, quote_asset, maker_fee + taker_fee)) line (owner, asset, amount)) moved
	GROUP BY owner, asset ORDER BY (owner || '/' || asset) COLLATE "C"`;

/** The positions as they stand. */
export async function* livePositions(trading: Snapshot): AsyncGenerator<Entry> {
	const rows = trading.rows<{ key: string; lots: string; cost: string; realized: string; fees: string }>(
		`SELECT user_id || ' ' || symbol AS key, lots, cost, realized, fees FROM positions
		ORDER BY (user_id || ' ' || symbol) COLLATE "C"`,
	);
	for await (const { key, lots, cost, realized, fees } of rows)
		yield { key, facts: { lots, cost: normalize(cost), realized: normalize(realized), fees: normalize(fees) } };
}

interface SideRow {
	readonly key: string;
	readonly symbol: string;
	readonly side: "buy" | "sell";
	readonly price: string;
	readonly quantity: string;
	readonly fee: string;
}

/** The same by the trades there have been, in their order. */
export async function* rebuiltPositions(
	trading: Snapshot,
	markets: ReadonlyMap<string, Market>,
): AsyncGenerator<Entry> {
	let [key, position]: [string | null, Position] = [null, FLAT];
	for await (const row of trading.rows<SideRow>(SIDES)) {
		if (row.key !== key) {
			if (key !== null) yield positionEntry(key, position);
			[key, position] = [row.key, FLAT];
		}
		const market = markets.get(row.symbol) as Market;
		position = afterFill(market, position, {
			side: row.side,
			ticks: toTicks(market, row.price),
			lots: toLots(market, row.quantity),
			fee: toUnits(row.fee, ASSET_SCALE),
		});
	}
	if (key !== null) yield positionEntry(key, position);
}

const SIDES = `
	SELECT user_id || ' ' || symbol AS key, symbol, side, price, quantity, fee
	FROM trades, LATERAL (VALUES
		(maker_user_id, CASE taker_side WHEN 'buy' THEN 'sell' ELSE 'buy' END, maker_fee, 1),
		(taker_user_id, taker_side, taker_fee, 2)) s (user_id, side, fee, place)
	ORDER BY (user_id || ' ' || symbol) COLLATE "C", trade_seq, place`;

function positionEntry(key: string, { lots, cost, realized, fees }: Position): Entry {
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	return {
		key,
		facts: { lots: lots.toString(), cost: money(cost), realized: money(realized), fees: money(fees) },
	};
}
