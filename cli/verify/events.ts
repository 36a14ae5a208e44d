import { outboxBacklog } from "../../lib/event-bus/outbox.ts";
import { EXTERNAL } from "../../lib/event-bus/sources.ts";
import type { StatefulService } from "../../lib/topology.ts";
import { loadSchema } from "../node.ts";
import { type AllDatabases, rowsOf, servicesWith, sideBySide } from "./databases.ts";
import { type Invariant, MAX_OFFENCES, offencesOf } from "./invariant.ts";

/** An event that waits longer than this to be published is stuck. */
const MAX_OUTBOX_AGE_MS = 30_000;

/** What must hold of events on their way from outboxes through the history to inboxes. */
export const EVENT_INVARIANTS: readonly Invariant[] = [
	{
		id: "I8",
		says: "the history is the union of all outboxes, without gap or repeat per aggregate",
		check: async (dbs) => [...(await gapsInHistory(dbs)), ...(await inServicesWith(dbs, "outbox", differingEvents))],
	},
	{
		id: "I9",
		says: "every consumer's inbox has every event that it must handle",
		check: (dbs) => inServicesWith(dbs, "inbox", missingFromInbox),
	},
	{
		id: "I11",
		says: "no event waits longer than 30 s to be published, and there are no dead letters",
		check: async (dbs) => [
			...(await inServicesWith(dbs, "outbox", stuckEvents)),
			...(await inServicesWith(dbs, "deliveries", deadLetters)),
		],
	},
];

async function inServicesWith(
	dbs: AllDatabases,
	table: "outbox" | "inbox" | "deliveries",
	check: (dbs: AllDatabases, service: StatefulService) => Promise<string[]>,
): Promise<string[]> {
	const offences: string[] = [];
	for (const service of await servicesWith(dbs, table)) offences.push(...(await check(dbs, service)));
	return offences;
}

function gapsInHistory({ events }: AllDatabases): Promise<string[]> {
	return offencesOf(
		events,
		`SELECT source || ' ' || aggregate_id || ': ' || count(*) || ' events, numbered ' || min(aggregate_seq) || ' to '
			|| max(aggregate_seq) AS offence
		FROM events GROUP BY source, aggregate_id
		HAVING max(aggregate_seq) - min(aggregate_seq) + 1 <> count(*)
			OR (min(aggregate_seq) <> 1 AND NOT EXISTS (SELECT FROM removed_events))`,
	);
}

interface Told {
	readonly key: string;
	readonly told: string;
}

async function differingEvents(dbs: AllDatabases, service: StatefulService): Promise<string[]> {
	const columns =
		"event_id::text AS key, concat_ws(' ', type, aggregate_id, aggregate_seq, md5(data::jsonb::text)) AS told";
	const page = "($1::uuid IS NULL OR event_id > $1) ORDER BY event_id LIMIT $2";
	const told = service === "events" ? `source IN ('events', '${EXTERNAL}')` : `source = '${service}'`;
	const outbox = rowsOf<Told>(dbs[service], `SELECT ${columns} FROM outbox WHERE ${page}`);
	const history = rowsOf<Told>(dbs.events, `SELECT ${columns} FROM events WHERE ${told} AND ${page}`);
	const offences: string[] = [];
	for await (const { key, left, right } of sideBySide(outbox, history)) {
		if (left?.told === right?.told) continue;
		offences.push(
			`event ${key}: the outbox of ${service} has ${left?.told ?? "nothing"}, the history ${right?.told ?? "nothing"}`,
		);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}

async function missingFromInbox(dbs: AllDatabases, service: StatefulService): Promise<string[]> {
	const schema = await loadSchema(service);
	const types = Object.keys((schema as { consumes?: object }).consumes ?? {});
	const list = types.map((type) => `'${type}'`).join(", ");
	const page = "($1::uuid IS NULL OR event_id > $1) ORDER BY event_id LIMIT $2";
	const due = rowsOf<{ key: string }>(
		dbs.events,
		`SELECT event_id::text AS key FROM events WHERE type IN (${list}) AND ${page}`,
	);
	const taken = rowsOf<{ key: string }>(dbs[service], `SELECT event_id::text AS key FROM inbox WHERE ${page}`);
	const offences: string[] = [];
	for await (const { key, left, right } of sideBySide(due, taken)) {
		if (left && !right) offences.push(`${service} has not taken event ${key}`);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}

async function stuckEvents(dbs: AllDatabases, service: StatefulService): Promise<string[]> {
	const { unpublished, oldest_age_ms } = await outboxBacklog(dbs[service]);
	return oldest_age_ms > MAX_OUTBOX_AGE_MS
		? [`${service}: ${unpublished} events wait, the oldest for ${oldest_age_ms} ms`]
		: [];
}

function deadLetters(dbs: AllDatabases, service: StatefulService): Promise<string[]> {
	return offencesOf(
		dbs[service],
		`SELECT '${service} could not handle event ' || event_id || ': ' || coalesce(last_error, '') AS offence
		FROM deliveries WHERE state = 'dead'`,
	);
}
