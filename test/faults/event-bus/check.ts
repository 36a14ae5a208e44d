import { rowsOf, sideBySide } from "../../../cli/verify/databases.ts";
import { MAX_OFFENCES, offencesOf } from "../../../cli/verify/invariant.ts";
import { outboxBacklog } from "../../../lib/event-bus/outbox.ts";
import type { Databases } from "./databases.ts";
import {
	CONSUMER_NAMES,
	CONSUMERS,
	type Consumer,
	HISTORY,
	type Service,
	SOURCE_NAMES,
	type Source,
} from "./layout.ts";

/** What is known of an event somewhere, as text. */
interface Row {
	readonly key: string;
	readonly what: string;
}

/** All that an event tells. */
const TOLD = `jsonb_build_array(type, aggregate_id, aggregate_seq, version, data::text, correlation_id, causation_id,
	actor::text, occurred_at)::text`;
const PAGE = "($1::uuid IS NULL OR event_id > $1)";
const IN_ORDER = "ORDER BY event_id LIMIT $2";

/** What is not as it must be once every source has told its quota and all has come to rest. */
export async function findOffences(databases: Databases): Promise<readonly string[]> {
	const found: (readonly string[])[] = [];
	for (const source of SOURCE_NAMES) found.push(await offencesOfSource(databases, source));
	found.push(await strangers(databases), await outOfOrder(databases, HISTORY, "events"));
	for (const consumer of CONSUMER_NAMES) found.push(await offencesOfConsumer(databases, consumer));
	for (const service of [HISTORY, ...CONSUMER_NAMES] as const) found.push(await leftOver(databases, service));
	return found.flat();
}

/** All has been told, published, and recorded as it was told. */
async function offencesOfSource(databases: Databases, source: Source): Promise<readonly string[]> {
	const { db } = databases[source];
	const { unpublished } = await outboxBacklog(db);
	return [
		...(unpublished > 0 ? [`${source} has ${unpublished} events to publish`] : []),
		...(await offencesOf(
			db,
			`SELECT aggregate_id || ' has told ' || count(position) || ' events of ' || quota AS offence
			FROM aggregates LEFT JOIN outbox USING (aggregate_id) GROUP BY aggregate_id
			HAVING count(position) <> quota OR max(aggregate_seq) <> quota`,
		)),
		...(await differences(
			rowsOf(db, `SELECT event_id::text AS key, ${TOLD} AS what FROM outbox WHERE ${PAGE} ${IN_ORDER}`),
			rowsOf(
				databases[HISTORY].db,
				`SELECT event_id::text AS key, ${TOLD} AS what FROM events WHERE source = '${source}' AND ${PAGE} ${IN_ORDER}`,
			),
			(told = "nothing", recorded = "nothing") => `${source} has told ${told}, the history has ${recorded}`,
		)),
	];
}

/** The history has nothing that no source has told. */
function strangers(databases: Databases): Promise<string[]> {
	const sources = SOURCE_NAMES.map((source) => `'${source}'`).join(", ");
	return offencesOf(
		databases[HISTORY].db,
		`SELECT 'event ' || event_id || ': nobody has told it' AS offence FROM events WHERE source NOT IN (${sources})`,
	);
}

/** What it must handle is in its inbox, has had its effect once, and in the order of its aggregate; nothing else is. */
async function offencesOfConsumer(databases: Databases, consumer: Consumer): Promise<readonly string[]> {
	const { db } = databases[consumer];
	const types = CONSUMERS[consumer].map((type) => `'${type}'`).join(", ");
	const due = (what: string) =>
		rowsOf<Row>(
			databases[HISTORY].db,
			`SELECT event_id::text AS key, ${what} AS what FROM events WHERE type IN (${types}) AND ${PAGE} ${IN_ORDER}`,
		);
	const taken = rowsOf<Row>(
		db,
		`SELECT event_id::text AS key, 'in the inbox' AS what FROM inbox WHERE ${PAGE} ${IN_ORDER}`,
	);
	const done = rowsOf<Row>(
		db,
		`SELECT event_id::text AS key, concat_ws(' ', min(aggregate_id), min(aggregate_seq), 'done', count(*)) AS what
		FROM effects WHERE ${PAGE} GROUP BY event_id ${IN_ORDER}`,
	);
	const say = (wanted = "nothing", has = "nothing") => `${consumer} must have ${wanted}, it has ${has}`;
	return [
		...(await differences(due("'in the inbox'"), taken, say)),
		...(await differences(due("concat_ws(' ', aggregate_id, aggregate_seq, 'done', 1)"), done, say)),
		...(await outOfOrder(databases, consumer, "effects")),
	];
}

/** Neither dead letters nor events that still wait to be handled. */
function leftOver(databases: Databases, service: Service): Promise<string[]> {
	return offencesOf(
		databases[service].db,
		`SELECT concat_ws(' ', '${service} has set event', event_id, 'aside:', state, last_error) AS offence
		FROM deliveries`,
	);
}

function outOfOrder(databases: Databases, service: Service, table: "events" | "effects"): Promise<string[]> {
	return offencesOf(
		databases[service].db,
		`SELECT concat_ws(' ', '${service} has', aggregate_id, aggregate_seq, 'after', before) AS offence FROM (
			SELECT aggregate_id, aggregate_seq,
				lag(aggregate_seq) OVER (PARTITION BY aggregate_id ORDER BY position) AS before
			FROM ${table}
		) AS following WHERE aggregate_seq <= before`,
	);
}

async function differences(
	left: AsyncGenerator<Row>,
	right: AsyncGenerator<Row>,
	say: (left?: string, right?: string) => string,
): Promise<string[]> {
	const offences: string[] = [];
	for await (const pair of sideBySide(left, right)) {
		if (pair.left?.what === pair.right?.what) continue;
		offences.push(`event ${pair.key}: ${say(pair.left?.what, pair.right?.what)}`);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}
