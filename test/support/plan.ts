import type { Bind, Db } from "../../lib/db.ts";

interface PlanNode {
	readonly "Actual Rows"?: number;
	readonly "Actual Loops"?: number;
	readonly "Rows Removed by Filter"?: number;
	readonly "Rows Removed by Index Recheck"?: number;
	readonly Plans?: readonly PlanNode[];
}

/** How many rows PostgreSQL reads from tables and indexes for what `read` asks of the database, as it executes that. */
export async function rowsReadBy(db: Db, read: (db: Db) => Promise<unknown>): Promise<number> {
	const asked: { readonly sql: string; readonly bind: readonly Bind[] }[] = [];
	await read({
		...db,
		query: (sql, bind = []) => {
			asked.push({ sql, bind });
			return db.query(sql, bind);
		},
	});
	const counts = await Promise.all(asked.map(({ sql, bind }) => explained(db, sql, bind)));
	return counts.reduce((sum, rows) => sum + rows, 0);
}

/** By the plan that is kept for a statement whatever its values are: the one that a service ends up with. */
async function explained(db: Db, sql: string, bind: readonly Bind[]): Promise<number> {
	const plan = await db.transaction(async (tx) => {
		await tx.query("SET LOCAL plan_cache_mode = force_generic_plan");
		await tx.query(`PREPARE looked_at AS ${sql}`);
		const [row] = await tx.query<{ "QUERY PLAN": readonly { readonly Plan: PlanNode }[] }>(
			`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE looked_at (${bind.map(literal).join(", ")})`,
		);
		await tx.query("DEALLOCATE looked_at");
		return row?.["QUERY PLAN"][0]?.Plan;
	});
	if (!plan) throw new Error(`no plan of ${sql}`);
	return rowsOf(plan);
}

function literal(value: Bind): string {
	if (value === null) return "NULL";
	if (Array.isArray(value)) return literal(`{${value.map((item) => JSON.stringify(item)).join(",")}}`);
	if (typeof value !== "string" && typeof value !== "number") throw new Error("a value that no test has looked at");
	return `'${String(value).replaceAll("'", "''")}'`;
}

/** Those that its leaves give and those that are left out on the way. */
function rowsOf(node: PlanNode): number {
	const loops = node["Actual Loops"] ?? 0;
	const removed = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
	const given = node.Plans ? 0 : (node["Actual Rows"] ?? 0);
	return (given + removed) * loops + (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), 0);
}
