import type { Db, Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";

/** Until the transaction ends, nobody else adds to these users' open orders: two at once cannot both be the last. */
export function lockOpening(tx: Tx, users: readonly string[]): void {
	tx.execute(
		`SELECT pg_advisory_xact_lock($1, key)
		FROM (SELECT DISTINCT hashtext(user_id) AS key FROM unnest($2::text[]) AS u (user_id) ORDER BY key) AS keys`,
		[LOCKS.opening, users],
	);
}

/** How many orders each of these users has open. */
export async function countOpen(tx: Pick<Tx, "query">, users: readonly string[]): Promise<Map<string, number>> {
	if (users.length === 0) return new Map();
	const rows = await tx.query<{ user_id: string; count: number }>(
		`SELECT user_id, count(*)::integer AS count FROM orders
		WHERE user_id = ANY($1::uuid[]) AND closed_at IS NULL GROUP BY user_id`,
		[users],
	);
	return new Map(rows.map((row) => [row.user_id, row.count]));
}

/** How many orders a user has open. */
export async function openOrdersOf(db: Db, userId: string): Promise<number> {
	return (await countOpen(db, [userId])).get(userId) ?? 0;
}

/** How many orders all users have open; no more than `limit` are counted. */
export async function openOrdersOfAll(db: Db, limit: number): Promise<number> {
	const [row] = await db.query<{ count: number }>(
		"SELECT count(*)::integer AS count FROM (SELECT FROM orders WHERE closed_at IS NULL LIMIT $1) AS open",
		[limit],
	);
	return row?.count ?? 0;
}
