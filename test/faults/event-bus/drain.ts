import { connect, type JetStreamManager } from "nats";
import type { Db } from "../../../lib/db.ts";
import { deliveryCounts } from "../../../lib/event-bus/deliveries.ts";
import { hasUnpublished } from "../../../lib/event-bus/outbox.ts";
import { until } from "../../support/until.ts";
import { NAMESPACE } from "./cluster.ts";
import type { Databases } from "./databases.ts";
import { CONSUMER_NAMES, CONSUMERS, HISTORY, SOURCE_NAMES } from "./layout.ts";

/** One of the history for all, and for each other service one per source. */
const PULL_CONSUMERS = 1 + CONSUMER_NAMES.length * SOURCE_NAMES.length;

/** Looking costs the machine something: it counts all rows. */
const POLL_MS = 500;

/**
 * Resolves once nothing is under way: all is published, recorded and handled, and the transport has nothing to deliver,
 * not even repeats. Rejects when that takes longer than `limitMs`.
 */
export async function drained(natsUrl: string, databases: Databases, events: number, limitMs: number): Promise<void> {
	const connection = await connect({ servers: natsUrl });
	try {
		const jsm = await connection.jetstreamManager();
		const isDrained = async () => (await allHandled(databases, events)) && (await nothingPending(jsm));
		// What is too busy to answer is asked again.
		await until(() => isDrained().catch(() => false), limitMs, POLL_MS);
	} finally {
		await connection.close();
	}
}

async function allHandled(databases: Databases, events: number): Promise<boolean> {
	for (const source of SOURCE_NAMES) if (await hasUnpublished(databases[source].db)) return false;
	for (const service of [HISTORY, ...CONSUMER_NAMES] as const) {
		const { retrying, parked } = await deliveryCounts(databases[service].db);
		if (retrying + parked > 0) return false;
	}
	const history = databases[HISTORY].db;
	if ((await countOf(history, "events")) < events) return false;
	for (const consumer of CONSUMER_NAMES) {
		const types = CONSUMERS[consumer].map((type) => `'${type}'`).join(", ");
		const due = await countOf(history, `events WHERE type IN (${types})`);
		if ((await countOf(databases[consumer].db, "inbox")) < due) return false;
	}
	return true;
}

async function countOf(db: Db, what: string): Promise<number> {
	const [row] = await db.query<{ rows: number }>(`SELECT count(*)::integer AS rows FROM ${what}`);
	return row?.rows ?? 0;
}

async function nothingPending(jsm: JetStreamManager): Promise<boolean> {
	const consumers = await jsm.consumers.list(`${NAMESPACE}-events`).next();
	return (
		consumers.length === PULL_CONSUMERS &&
		consumers.every(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending === 0)
	);
}
