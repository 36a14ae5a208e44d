import type { Envelope } from "../../contracts/events.ts";
import { markPublished, nextUnpublished, stage } from "../../lib/event-bus/outbox.ts";
import { record } from "../../services/events/events.store.ts";
import { findOffences } from "../faults/event-bus/check.ts";
import { createDatabases, type Databases } from "../faults/event-bus/databases.ts";
import { eventsOf } from "../faults/event-bus/events.ts";
import {
	CONSUMER_NAMES,
	CONSUMERS,
	type Consumer,
	type Service,
	SOURCE_NAMES,
	type Source,
} from "../faults/event-bus/layout.ts";

/** Five of each aggregate. */
const EVENTS = 200;

let databases: Databases;
beforeAll(async () => {
	databases = await createDatabases(EVENTS);
	for (const source of SOURCE_NAMES) {
		const events = await tellAll(source);
		await databases.events.db.transaction((tx) => record(tx, events));
		for (const consumer of CONSUMER_NAMES) await handle(consumer, events);
	}
});
afterAll(async () => {
	for (const database of Object.values(databases)) await database.drop();
});

test("a state in which everything is as it must be has no offences", async () => {
	expect(await findOffences(databases)).toEqual([]);
});

const OF = (aggregate: string, sequence: number) => `aggregate_id = '${aggregate}' AND aggregate_seq = ${sequence}`;

// Each at aggregates of its own, since they add up.
test.each<[what: string, service: Service, sql: string, offence: RegExp]>([
	[
		"an event that is not told",
		"users",
		`DELETE FROM outbox WHERE ${OF("users:1", 5)}`,
		/^users:1 has told 4 events of 5$/,
	],
	["an event that is not published", "users", "INSERT INTO outbox_queue VALUES (1)", /^users has 1 events to publish$/],
	[
		"an event that is not recorded",
		"events",
		`DELETE FROM events WHERE ${OF("users:2", 3)}`,
		/"users:2", 3.* the history has nothing$/,
	],
	[
		"an event that is recorded otherwise",
		"events",
		`UPDATE events SET data = '{}' WHERE ${OF("users:3", 3)}`,
		/"users:3", 3.* the history has .*"\{\}"/,
	],
	[
		"an event that nobody has told",
		"events",
		`UPDATE events SET source = 'auth' WHERE ${OF("users:4", 3)}`,
		/nobody has told it$/,
	],
	["a history that is out of order", "events", delayed("events", "trading:1"), /^events has trading:1 2 after 5$/],
	[
		"an event that is not in an inbox",
		"risk",
		"DELETE FROM inbox WHERE event_id = (SELECT event_id FROM effects LIMIT 1)",
		/: risk must have in the inbox, it has nothing$/,
	],
	[
		"an event that is in an inbox where it does not belong",
		"data",
		"INSERT INTO inbox VALUES (gen_random_uuid())",
		/: data must have nothing, it has in the inbox$/,
	],
	[
		"an event without effect",
		"risk",
		`DELETE FROM effects WHERE ${OF("trading:2", 3)}`,
		/: risk must have trading:2 3 done 1, it has nothing$/,
	],
	[
		"an effect that came twice",
		"data",
		`INSERT INTO effects (event_id, aggregate_id, aggregate_seq)
		SELECT event_id, aggregate_id, aggregate_seq FROM effects WHERE ${OF("trading:3", 5)}`,
		/: data must have trading:3 5 done 1, it has trading:3 5 done 2$/,
	],
	["effects that are out of order", "risk", delayed("effects", "trading:4"), /^risk has trading:4 2 after 5$/],
	["an event that waits", "risk", setAside("retrying"), /^risk has set event .* aside: retrying cannot$/],
	["a dead letter", "events", setAside("dead"), /^events has set event .* aside: dead cannot$/],
])("%s is an offence", async (_what, service, sql, offence) => {
	await databases[service].db.query(sql);
	expect(await findOffences(databases)).toContainEqual(expect.stringMatching(offence));
});

/** The second event of an aggregate comes after its last. */
function delayed(table: "events" | "effects", aggregate: string): string {
	return `UPDATE ${table} SET position = DEFAULT WHERE ${OF(aggregate, 2)}`;
}

function setAside(state: string): string {
	return `INSERT INTO deliveries
		(event_id, aggregate_id, aggregate_seq, envelope, state, attempts, last_error, next_try_at)
		VALUES (gen_random_uuid(), 'a', 1, '{}', '${state}', 1, 'cannot', now())`;
}

async function tellAll(source: Source): Promise<readonly Envelope[]> {
	return databases[source].db.transaction(async (tx) => {
		const aggregates = await tx.query<{ aggregate_id: string; quota: number }>("SELECT * FROM aggregates");
		stage(
			tx,
			source,
			aggregates.flatMap(({ aggregate_id, quota }) => eventsOf(source, aggregate_id, 1, quota)),
		);
		const { entries } = await nextUnpublished(tx);
		markPublished(tx, entries, null);
		return entries.map(({ event }) => event);
	});
}

async function handle(consumer: Consumer, events: readonly Envelope[]): Promise<void> {
	const types: readonly string[] = CONSUMERS[consumer];
	const due = events.filter(({ type }) => types.includes(type));
	const ids = due.map((event) => event.event_id);
	await databases[consumer].db.transaction(async (tx) => {
		await tx.query("INSERT INTO inbox (event_id) SELECT unnest($1::uuid[])", [ids]);
		await tx.query(
			`INSERT INTO effects (event_id, aggregate_id, aggregate_seq)
			SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])`,
			[ids, due.map((event) => event.aggregate_id), due.map((event) => event.aggregate_seq)],
		);
	});
}
