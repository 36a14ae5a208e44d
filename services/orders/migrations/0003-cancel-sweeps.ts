import type { Tx } from "../../../lib/db.ts";

/** The halts that cancel open orders, each by the event that told of it: of all, of a symbol or of a user. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE cancel_sweeps (
			event_id uuid PRIMARY KEY,
			correlation_id text NOT NULL,
			symbol text,
			user_id uuid,
			side text CHECK (side IN ('buy', 'sell')),
			created_until timestamptz NOT NULL,
			done_at timestamptz,
			CHECK (num_nonnulls(symbol, user_id) <= 1)
		)`);
}
