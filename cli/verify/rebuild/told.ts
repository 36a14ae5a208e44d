import { MAX_OFFENCES } from "../invariant.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Trades and transfers that are not as the events told of them, which were written in the same commit. Where events
 * have been let go, `forgotten`, only those that are left can be asked.
 */
export async function notAsTold(trading: Snapshot, forgotten: boolean): Promise<string[]> {
	const missing = forgotten ? "" : "OR o.position IS NULL";
	const found: string[] = [];
	for (const sql of [tradesNotAsTold(missing), transfersNotAsTold(missing)]) {
		const rows = await trading.few<{ offence: string }>(`${sql} LIMIT ${MAX_OFFENCES}`);
		found.push(...rows.map(({ offence }) => offence));
	}
	return found;
}

function tradesNotAsTold(missing: string): string {
	return `
		SELECT 'trade ' || coalesce(t.symbol || ' ' || trade_seq, o.aggregate_id || ' ' || aggregate_seq)
			|| ' is not what was told of it' AS offence
		FROM trades t FULL JOIN (SELECT * FROM outbox WHERE type = 'trading.trade_executed') o
			ON aggregate_id = 'market:' || t.symbol AND aggregate_seq = trade_seq
		WHERE trade_id IS NULL ${missing} OR (o.position IS NOT NULL AND (
			data->>'trade_id', (data->>'price')::numeric, (data->>'quantity')::numeric, data->>'taker_side',
			data->>'maker_order_id', data->>'taker_order_id') IS DISTINCT FROM (
			trade_id::text, price, quantity, taker_side, maker_order_id::text, taker_order_id::text))`;
}

function transfersNotAsTold(missing: string): string {
	return `
		SELECT 'transfer ' || coalesce(transfer_id::text, o.aggregate_id) || ' is not what was told of it' AS offence
		FROM transfers t FULL JOIN (SELECT * FROM outbox WHERE type IN ('trading.deposited', 'trading.withdrawn')) o
			ON aggregate_id = 'transfer:' || transfer_id
		WHERE transfer_id IS NULL ${missing} OR (o.position IS NOT NULL AND (
			data->>'kind', data->>'user_id', data->>'asset', (data->>'amount')::numeric) IS DISTINCT FROM (
			kind, user_id::text, asset, amount))`;
}
