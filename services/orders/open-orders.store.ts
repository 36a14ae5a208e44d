import type { Db, Tx } from "../../lib/db.ts";

/** Counts newly opened orders per user, users in the order of their ids; gives the new counts. */
export async function countOpened(tx: Tx, opened: ReadonlyMap<string, number>): Promise<Map<string, number>> {
	if (opened.size === 0) return new Map();
	const users = [...opened.keys()].toSorted();
	const rows = await tx.query<{ user_id: string; count: number }>(
		`INSERT INTO open_orders (user_id, count) SELECT * FROM unnest($1::uuid[], $2::integer[])
		ON CONFLICT (user_id) DO UPDATE SET count = open_orders.count + excluded.count RETURNING user_id, count`,
		[users, users.map((user) => opened.get(user) as number)],
	);
	return new Map(rows.map((row) => [row.user_id, row.count]));
}

/** Counts closed orders per user, in the same order: two transactions that share users never wait for each other. */
export function countClosed(tx: Tx, closed: ReadonlyMap<string, number>): void {
	if (closed.size === 0) return;
	tx.execute(
		`WITH locked AS (SELECT user_id FROM open_orders WHERE user_id = ANY($1::uuid[]) ORDER BY user_id FOR NO KEY UPDATE)
		UPDATE open_orders o SET count = o.count - c.closed
		FROM unnest($1::uuid[], $2::integer[]) AS c (user_id, closed) JOIN locked USING (user_id)
		WHERE o.user_id = c.user_id`,
		[[...closed.keys()], [...closed.values()]],
	);
}

/** How many orders a user has open. */
export async function openOrdersOf(db: Db, userId: string): Promise<number> {
	const [row] = await db.query<{ count: number }>("SELECT count FROM open_orders WHERE user_id = $1", [userId]);
	return row?.count ?? 0;
}

/** How many orders all users have open. */
export async function openOrdersOfAll(db: Db): Promise<number> {
	const [row] = await db.query<{ count: string }>("SELECT coalesce(sum(count), 0) AS count FROM open_orders");
	return Number(row?.count ?? 0);
}
