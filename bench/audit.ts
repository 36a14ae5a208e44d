import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { v7 as newId } from "uuid";
import { migrationsFolder } from "../cli/node.ts";
import type { Envelope } from "../contracts/events.ts";
import { type Db, openDb } from "../lib/db.ts";
import { removePostgres, startPostgres } from "../lib/embedded-postgres/index.ts";
import { stage } from "../lib/event-bus/outbox.ts";
import { migrate } from "../lib/migrate.ts";
import { recordEvents } from "../services/audit/audit.commands.ts";
import { verifyChain } from "../services/audit/verification.ts";

interface Args {
	readonly json: boolean;
	/** How long a chain to make. */
	readonly records?: number;
}

/** What the event bus hands to a consumer at once. */
const BATCH = 500;
const DEFAULT_RECORDS = 1_000_000;

/** Fills an audit with events as the bus would, verifies it, and prints how many records a second that made. */
export async function run({ json, records = DEFAULT_RECORDS }: Args): Promise<void> {
	const folder = await mkdtemp(path.join(os.tmpdir(), "agt-bench-"));
	const home = path.join(folder, "postgres");
	const server = await startPostgres({ home, port: 0, maxConnections: 20, durable: true });
	try {
		const url = server.url("postgres");
		await migrate(url, migrationsFolder("audit"));
		const db = openDb(url, { applicationName: "bench", poolSize: 4 });
		const recorded = await perSecond(records, () => fill(db, records));
		const verified = await perSecond(records, () => verify(db));
		await db.close();
		if (json) console.log(JSON.stringify({ bench: "audit", records, recorded, verified }));
		else console.log(`${records} records: ${recorded} recorded, ${verified} verified per second`);
	} finally {
		await server.stop();
		await removePostgres(home);
		await rm(folder, { recursive: true, force: true });
	}
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
	const startedAt = performance.now();
	await work();
	return Math.round((count * 1_000) / (performance.now() - startedAt));
}

async function fill(db: Db, records: number): Promise<void> {
	const outbox = { stage: (...[tx, events]: Parameters<typeof tell>) => tell(tx, events) };
	for (let made = 0; made < records; made += BATCH) {
		const events = Array.from({ length: Math.min(BATCH, records - made) }, statusUpdated);
		await db.transaction((tx) => recordEvents(outbox, tx, events));
	}
}

function tell(tx: Parameters<typeof stage>[0], events: Parameters<typeof stage>[2]): Promise<void> {
	return stage(tx, "audit", events);
}

/** The most frequent kind of event. */
function statusUpdated(): Envelope {
	const [order_id, user_id] = [newId(), newId()];
	return {
		event_id: newId(),
		type: "orders.status_updated",
		source: "orders",
		timestamp: new Date().toISOString(),
		data: { order_id, user_id, symbol: "BTC-USD", from: "pending", to: "open", reject_code: null },
		aggregate_id: order_id,
		aggregate_seq: 2,
		version: 1,
		correlation_id: newId(),
		causation_id: null,
		actor: { user_id, ip: "127.0.0.1" },
	};
}

async function verify(db: Db): Promise<void> {
	const verdict = await verifyChain(db, { witness: noWitness() });
	if (!verdict.ok) throw new Error(`the chain is broken: ${JSON.stringify(verdict)}`);
}

async function* noWitness(): AsyncGenerator<never> {}

if (import.meta.main) await run({ json: false, records: Number(process.argv[2] ?? DEFAULT_RECORDS) });
