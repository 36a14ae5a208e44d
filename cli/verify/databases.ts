import { type Db, openDb } from "../../lib/db.ts";
import { STATEFUL_SERVICES, type StatefulService } from "../../lib/topology.ts";

/** The databases of all services, to look at. */
export type AllDatabases = Readonly<Record<StatefulService, Db>>;

const PAGE = 10_000;

/** The services that have `table`: not every one tells events, and not every one takes them in. */
export async function servicesWith(
	dbs: AllDatabases,
	table: "outbox" | "inbox" | "deliveries",
): Promise<StatefulService[]> {
	const services: StatefulService[] = [];
	for (const service of STATEFUL_SERVICES) {
		const [found] = await dbs[service].query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [
			table,
		]);
		if (found?.there) services.push(service);
	}
	return services;
}

/** A small pool on each database. */
export function openDatabases(urlOf: (service: StatefulService) => string): AllDatabases {
	const opened = STATEFUL_SERVICES.map((service) => [
		service,
		openDb(urlOf(service), { applicationName: "verify", poolSize: 2 }),
	]);
	return Object.fromEntries(opened);
}

/** Ends all connections. */
export async function closeDatabases(dbs: AllDatabases): Promise<void> {
	await Promise.all(Object.values(dbs).map((db) => db.close()));
}

/**
 * The rows of `sql`, a page at a time. It selects a unique `key` as text, `$1` is the key to go on after (or null),
 * `$2` how many rows to give, in the order of the key.
 */
export async function* rowsOf<Row extends { readonly key: string }>(db: Db, sql: string): AsyncGenerator<Row> {
	for (let after: string | null = null; ; ) {
		const rows: Row[] = await db.query<Row>(sql, [after, PAGE]);
		yield* rows;
		const last = rows.at(-1);
		if (!last || rows.length < PAGE) return;
		after = last.key;
	}
}

/** Two sorted streams side by side: each key with what either of them has under it. */
export async function* sideBySide<A extends { readonly key: string }, B extends { readonly key: string }>(
	left: AsyncGenerator<A>,
	right: AsyncGenerator<B>,
): AsyncGenerator<{ readonly key: string; readonly left?: A; readonly right?: B }> {
	let [a, b] = [await left.next(), await right.next()];
	while (!a.done || !b.done) {
		const order = a.done ? 1 : b.done ? -1 : compare(a.value.key, b.value.key);
		if (order < 0 && !a.done) {
			yield { key: a.value.key, left: a.value };
			a = await left.next();
		} else if (order > 0 && !b.done) {
			yield { key: b.value.key, right: b.value };
			b = await right.next();
		} else if (!a.done && !b.done) {
			yield { key: a.value.key, left: a.value, right: b.value };
			[a, b] = [await left.next(), await right.next()];
		}
	}
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
