import type { Db } from "../../lib/db.ts";

/** A check that takes longer is given up: it must never hurt, however large a database is. */
const CHECK_TIMEOUT_MS = 2_000;

/** Whether an invariant holds, by its name as `npm run verify` has it. */
export interface Held {
	readonly I1: boolean;
	readonly I2: boolean;
}

/**
 * Checks what can be seen of the accounts alone, in one look at all of them: that they add up to 0 per asset, as they
 * must when every journal does, and that nobody has held or spent what he has not. `npm run verify` looks at each line.
 */
export function checkAccounts(db: Db): Promise<Held> {
	return db.transaction(async (tx) => {
		tx.setStatementTimeout(CHECK_TIMEOUT_MS);
		const [held] = await tx.query<Held>(
			`SELECT coalesce(bool_and(total = 0), true) AS "I1", coalesce(bool_and(solvent), true) AS "I2"
			FROM (SELECT sum(balance) AS total, bool_and(held >= 0 AND (kind = 'system' OR balance >= held)
					AND 'NaN' NOT IN (balance, held)) AS solvent
				FROM accounts GROUP BY asset) a`,
		);
		return held ?? { I1: false, I2: false };
	});
}
