import { flushCompileCache } from "node:module";
import type { Envelope } from "../../../contracts/events.ts";
import { openDb, type Tx } from "../../../lib/db.ts";
import { startConsumer } from "../../../lib/event-bus/consumer.ts";
import { jetStreamTransport } from "../../../lib/event-bus/jetstream.ts";
import { startRelay } from "../../../lib/event-bus/relay.ts";
import { record } from "../../../services/events/events.store.ts";
import { audienceOf, CONSUMERS, HISTORY, type Service, SOURCES, type Source } from "./layout.ts";
import { tellAll } from "./teller.ts";

/** What a node is told when it starts; it answers once it works. */
export interface NodeSettings {
	readonly service: Service;
	/** Its name among the clients of the database. */
	readonly name: string;
	readonly databaseUrl: string;
	readonly natsUrl: string;
	readonly namespace: string;
	/** For a source: how many events a second all its nodes tell together, from `startAt` on (ms since the epoch). */
	readonly perSecond: number;
	readonly startAt: number;
}

const POOL_SIZE = 8;
/** Often enough that the store is deleted when many events are known to be handled, and need not come again. */
const FLOOR_EVERY_MS = 500;
const logger = { warn: report, error: report };

process.once("message", (settings) => start(settings as NodeSettings));
// Whoever started us is gone.
process.once("disconnect", () => process.exit());

function start({ service, name, databaseUrl, natsUrl, namespace, perSecond, startAt }: NodeSettings): void {
	const db = openDb(databaseUrl, { applicationName: name, poolSize: POOL_SIZE });
	const transport = jetStreamTransport({ servers: natsUrl, namespace, logger });
	if (isSource(service)) {
		const audience = audienceOf(service);
		const relay = startRelay({ db, source: service, transport, audience, floorEveryMs: FLOOR_EVERY_MS, logger });
		void tellAll({ db, source: service, perSecond, startAt, onCommit: relay.kick, logger });
	} else if (service === HISTORY) {
		startConsumer({ name: service, db, transport, handlers: { "*": record }, keepsInbox: false, logger });
	} else {
		const handlers = Object.fromEntries(CONSUMERS[service].map((type) => [type, writeEffects]));
		startConsumer({ name: service, db, transport, handlers, logger });
	}
	process.send?.("started");
	flushCompileCache(); // by itself it is written at the end, which a kill does not wait for
}

function report(...what: unknown[]): void {
	console.error(new Date().toISOString(), ...what);
}

function isSource(service: Service): service is Source {
	return service in SOURCES;
}

async function writeEffects(tx: Tx, events: readonly Envelope[]): Promise<void> {
	await tx.query(
		`INSERT INTO effects (event_id, aggregate_id, aggregate_seq)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])`,
		[
			events.map((event) => event.event_id),
			events.map((event) => event.aggregate_id),
			events.map((event) => event.aggregate_seq),
		],
	);
}
