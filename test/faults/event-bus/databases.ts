import type { Db } from "../../../lib/db.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";
import { createDatabase, type TestDatabase } from "../../support/databases.ts";
import { CONSUMER_NAMES, HISTORY, type Service, type Source } from "./layout.ts";

export type Databases = Readonly<Record<Service, TestDatabase>>;

/** Enough for transactions side by side, few enough that each has long runs of events. */
const AGGREGATES_PER_SOURCE = 20;

/** A database for every service, with its tables. */
export async function createDatabases(events: number): Promise<Databases> {
	const databases = {
		users: await createDatabase(),
		trading: await createDatabase(),
		events: await createDatabase(HISTORY),
		risk: await createDatabase(),
		data: await createDatabase(),
	};
	await createSource(databases.users.db, "users", Math.ceil(events / 2));
	await createSource(databases.trading.db, "trading", Math.floor(events / 2));
	for (const consumer of CONSUMER_NAMES) await createConsumer(databases[consumer].db);
	return databases;
}

/** Makes the tables of a source that is to tell `events`: `quota` says how many of each aggregate. */
async function createSource(db: Db, source: Source, events: number): Promise<void> {
	await db.transaction(async (tx) => {
		await createOutbox(tx);
		await tx.query(`CREATE TABLE aggregates (aggregate_id text PRIMARY KEY, quota integer NOT NULL,
			sequence integer NOT NULL DEFAULT 0 CHECK (sequence <= quota))`);
		await tx.query(
			`INSERT INTO aggregates (aggregate_id, quota)
			SELECT $1::text || ':' || i, $2::integer / $3::integer + (i <= $2 % $3)::integer
			FROM generate_series(1, $3) AS i`,
			[source, events, AGGREGATES_PER_SOURCE],
		);
	});
}

/** Makes the tables of a consumer. Nothing keeps an effect from being there twice but the bus. */
async function createConsumer(db: Db): Promise<void> {
	await db.transaction(async (tx) => {
		await createInbox(tx);
		await tx.query(`CREATE TABLE effects (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			event_id uuid NOT NULL, aggregate_id text NOT NULL, aggregate_seq bigint NOT NULL)`);
	});
}
