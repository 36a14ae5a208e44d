import { parseArgs } from "node:util";
import { v7 as newId } from "uuid";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { progressOn } from "../cli/progress.ts";
import type { Envelope } from "../contracts/events.ts";
import type { Db } from "../lib/db.ts";
import { stage } from "../lib/event-bus/outbox.ts";
import { recordEvents } from "../services/audit/audit.commands.ts";
import { verifyChain } from "../services/audit/verification.ts";
import { createDatabase } from "../test/support/databases.ts";
import { openSandbox } from "../test/support/sandbox.ts";
import { describeMachine, showMachine } from "./machine.ts";

export const summary = "records/s into the audit's chain, and how long a chain takes to verify";

/** What the event bus hands to a consumer at once. */
const BATCH = 500;
const MAX_RECORDS = 10_000_000;
const MAX_CONNECTIONS = 20;
/** A million records must be verified in less than this. */
const MAX_VERIFY_S_PER_MILLION = 60;

/** `--records N`: records events as the bus would bring them, on a durable PostgreSQL, and verifies the chain. */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({
		args: [...args],
		options: { records: { type: "string", default: "1000000" } },
	});
	const records = wholeNumber("--records", values.records, 1, MAX_RECORDS);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true }));
	try {
		const { db, drop } = await createDatabase("audit");
		const recordS = await progress("Recording", () => secondsOf(() => fill(db, records)));
		const verifyS = await progress("Verifying", () => secondsOf(() => verify(db)));
		const machine = await describeMachine();
		await drop();
		const perSecond = { recorded: Math.round(records / recordS), verified: Math.round(records / verifyS) };
		const shown = (rate: number) => rate.toLocaleString("en");
		const rates = `${shown(perSecond.recorded)} recorded/s, ${shown(perSecond.verified)} verified/s`;
		return {
			lines: [`${shown(records)} records: ${rates}, verified in ${verifyS.toFixed(1)} s`, showMachine(machine)],
			json: { records, per_second: perSecond, verify_s: verifyS, machine },
			ok: verifyS <= (MAX_VERIFY_S_PER_MILLION * Math.max(records, 1_000_000)) / 1_000_000,
		};
	} finally {
		await sandbox.remove();
	}
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
	const startedAt = performance.now();
	await work();
	return (performance.now() - startedAt) / 1_000;
}

async function fill(db: Db, records: number): Promise<void> {
	const outbox = { stage: (...[tx, events]: Parameters<typeof tell>) => tell(tx, events) };
	for (let made = 0; made < records; made += BATCH) {
		const events = Array.from({ length: Math.min(BATCH, records - made) }, statusUpdated);
		await db.transaction((tx) => recordEvents(outbox, tx, events));
	}
}

function tell(tx: Parameters<typeof stage>[0], events: Parameters<typeof stage>[2]): void {
	stage(tx, "audit", events);
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
