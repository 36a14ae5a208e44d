import type { HaltMode, TradingScope, TradingState } from "../../contracts/risk.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { keyOf } from "./domain/trading-state.ts";

interface Row {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly mode: TradingState["mode"];
	readonly reason: string | null;
	readonly changed_by: string;
	readonly since: Date;
	readonly version: number;
}

function stateOf({ scope, id, mode, reason, changed_by: by, since, version }: Row): TradingState {
	return { scope, id, mode, reason, by, since: since.toISOString(), version };
}

/** The modes of those of these scopes that are not active, by their keys. */
export async function readModes(tx: Tx, keys: readonly string[]): Promise<Map<string, TradingState["mode"]>> {
	const rows = await tx.query<{ key: string; mode: TradingState["mode"] }>(
		"SELECT key, mode FROM trading_states WHERE key = ANY($1::text[]) AND mode <> 'active'",
		[keys],
	);
	return new Map(rows.map((row) => [row.key, row.mode]));
}

/** The state of a scope; one that has never been halted is active. */
export async function readState(tx: Tx, scope: TradingScope, id: string | null): Promise<TradingState> {
	const [row] = await tx.query<Row>("SELECT * FROM trading_states WHERE key = $1", [keyOf(scope, id)]);
	return row ? stateOf(row) : { scope, id, mode: "active", reason: null, by: null, since: null, version: 0 };
}

/** In how many scopes of each kind trading is halted or reduced. */
export async function countHalts(db: Db): Promise<Record<TradingScope, number>> {
	const rows = await db.query<{ scope: TradingScope; halts: number }>(
		"SELECT scope, count(*)::integer AS halts FROM trading_states WHERE mode <> 'active' GROUP BY scope",
	);
	return { global: 0, symbol: 0, user: 0, ...Object.fromEntries(rows.map(({ scope, halts }) => [scope, halts])) };
}

/** What somebody makes of a scope. */
export interface Halt {
	readonly scope: TradingScope;
	readonly id: string | null;
	readonly mode: HaltMode;
	readonly reason: string;
	readonly cancelOpen: boolean;
	readonly by: string;
}

/**
 * Halts a scope; gives null when it is halted so already, which it is not while its open orders are to be canceled and
 * have not been. One statement, so that of two halts at once each sees what the other has done.
 */
export async function saveHalt(tx: Tx, halt: Halt): Promise<TradingState | null> {
	const [row] = await tx.query<Row>(
		`INSERT INTO trading_states AS old (scope, id, mode, reason, cancel_open, changed_by, since, version)
		VALUES ($1, $2, $3, $4, $5, $6, now(), 1)
		ON CONFLICT (key) DO UPDATE SET
			mode = excluded.mode, reason = excluded.reason, cancel_open = excluded.cancel_open,
			changed_by = excluded.changed_by, version = old.version + 1,
			since = CASE WHEN old.mode = excluded.mode THEN old.since ELSE excluded.since END
		WHERE (old.mode, old.reason) IS DISTINCT FROM (excluded.mode, excluded.reason)
			OR excluded.cancel_open AND NOT old.cancel_open
		RETURNING *`,
		[halt.scope, halt.id, halt.mode, halt.reason, halt.cancelOpen, halt.by],
	);
	return row ? stateOf(row) : null;
}

/** Makes a scope active; gives null when it is so already. */
export async function saveResumption(
	tx: Tx,
	{ scope, id, reason, by }: Pick<Halt, "scope" | "id" | "by"> & { readonly reason: string | null },
): Promise<TradingState | null> {
	const [row] = await tx.query<Row>(
		`UPDATE trading_states SET mode = 'active', reason = $2, cancel_open = false, changed_by = $3, since = now(),
			version = version + 1
		WHERE key = $1 AND mode <> 'active' RETURNING *`,
		[keyOf(scope, id), reason, by],
	);
	return row ? stateOf(row) : null;
}

/** States that are not active, in the order of their keys: all of them, or those that bear on one user. */
export async function selectHalts(
	db: Db,
	filter: { readonly userId: string | null; readonly after: string | null; readonly limit: number },
): Promise<TradingState[]> {
	const rows = await db.query<Row>(
		`SELECT * FROM trading_states
		WHERE mode <> 'active' AND ($1::text IS NULL OR scope <> 'user' OR id = $1) AND ($2::text IS NULL OR key > $2)
		ORDER BY key LIMIT $3`,
		[filter.userId, filter.after, filter.limit],
	);
	return rows.map(stateOf);
}
