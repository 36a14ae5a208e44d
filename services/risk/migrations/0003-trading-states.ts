import type { Tx } from "../../../lib/db.ts";

/** Whether there is trading, by scope, and decisions that a halt has made: no limit denies those. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(TRADING_STATES);
	await tx.query(DECISION_CODES);
}

/** A scope without a row is active and has never been anything else. */
const TRADING_STATES = `
	CREATE TABLE trading_states (
		scope text NOT NULL CHECK (scope IN ('global', 'symbol', 'user')),
		id text CHECK ((scope = 'global') = (id IS NULL)),
		key text GENERATED ALWAYS AS (scope || coalesce(':' || id, '')) STORED PRIMARY KEY,
		mode text NOT NULL CHECK (mode IN ('active', 'reducing', 'halted')),
		reason text CHECK (reason IS NOT NULL OR mode = 'active'),
		cancel_open boolean NOT NULL,
		changed_by text NOT NULL,
		since timestamptz NOT NULL,
		version integer NOT NULL CHECK (version > 0)
	)`;

const DECISION_CODES = `
	ALTER TABLE decisions
		DROP CONSTRAINT decisions_code_check,
		DROP CONSTRAINT decisions_check,
		ADD CONSTRAINT decisions_code_check
			CHECK (code IN ('MAX_OPEN_ORDERS', 'MAX_ORDER_NOTIONAL', 'REDUCE_ONLY', 'TRADING_HALTED')),
		ADD CONSTRAINT decisions_limit_passed CHECK (num_nulls(limit_value, observed) =
			CASE WHEN code IN ('MAX_OPEN_ORDERS', 'MAX_ORDER_NOTIONAL') THEN 0 ELSE 2 END)`;
