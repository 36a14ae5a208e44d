import type { Db } from "../../lib/db.ts";
import type { AllDatabases } from "./databases.ts";

/** Something that must be true of the stored state; `check` names what is not, and nothing when all is well. */
export interface Invariant {
	readonly id: string;
	readonly says: string;
	check(dbs: AllDatabases): Promise<readonly string[]>;
}

/** A broken invariant may have millions of offenders. */
export const MAX_OFFENCES = 1_000;

/** What the column `offence` of `sql` says. */
export async function offencesOf(db: Db, sql: string): Promise<string[]> {
	const rows = await db.query<{ offence: string }>(`${sql} LIMIT ${MAX_OFFENCES}`);
	return rows.map((row) => row.offence);
}
