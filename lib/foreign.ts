import type { Db } from "./db.ts";

/**
 * `id` when there is a row under it that is another user's, else null: for the audit of who asks for what is not his.
 * It costs the same one statement either way, so that time tells nobody which it was.
 */
export async function foreignId(
	db: Db,
	{ table, key }: { readonly table: string; readonly key: string },
	userId: string,
	id: string,
): Promise<string | null> {
	const [row] = await db.query<{ id: string | null }>(
		`SELECT (SELECT ${key} FROM ${table} WHERE ${key} = $1 AND user_id <> $2) AS id`,
		[id, userId],
	);
	return row?.id ?? null;
}
