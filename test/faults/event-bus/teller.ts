import { setTimeout as delay } from "node:timers/promises";
import type { Db, Tx } from "../../../lib/db.ts";
import { stage } from "../../../lib/event-bus/outbox.ts";
import type { BusLogger } from "../../../lib/event-bus/transport.ts";
import { shuffled } from "../../support/random.ts";
import { eventsOf } from "./events.ts";
import type { Source } from "./layout.ts";

interface TellerOptions {
	readonly db: Db;
	readonly source: Source;
	/** How many events a second all nodes of the source tell together, from `startAt` on (ms since the epoch). */
	readonly perSecond: number;
	readonly startAt: number;
	onCommit(): void;
	readonly logger: BusLogger;
}

/** What tells: `sequence` of its `quota` events are told. */
interface Aggregate {
	readonly aggregate_id: string;
	readonly quota: number;
	readonly sequence: number;
}

/** So many transactions of a node are under way at once. */
const TRANSACTIONS = 4;
const MAX_AGGREGATES = 4;
/** The most events of an aggregate in one transaction. */
const MAX_RUN = 100;
/** Now and then a transaction stays open, so that what began after it commits before it. */
const SLOW_SHARE = 0.05;
const SLOW_MS = 200;
const AHEAD_OF_TIME_MS = 20;
const AFTER_FAILURE_MS = 200;

/** Tells events until every aggregate of the source has told its quota. */
export async function tellAll(options: TellerOptions): Promise<void> {
	await Promise.all(Array.from({ length: TRANSACTIONS }, () => tellInTurn(options)));
}

/** How many events the source has told. */
export async function toldBy(db: Db): Promise<number> {
	return sumOf(await db.query<Aggregate>("SELECT * FROM aggregates"));
}

async function tellInTurn(options: TellerOptions): Promise<void> {
	for (let left = true; left; ) {
		try {
			left = await tellOnce(options);
		} catch (error) {
			// What has been committed is in the database; nothing else is known, or needed.
			options.logger.error("A transaction failed", error);
			await delay(AFTER_FAILURE_MS);
		}
	}
}

/** One transaction, if it is time for one; gives whether there is more to tell. */
async function tellOnce({ db, source, perSecond, startAt, onCommit }: TellerOptions): Promise<boolean> {
	const aggregates = await db.query<Aggregate>("SELECT * FROM aggregates");
	const open = aggregates.filter(({ sequence, quota }) => sequence < quota);
	if (open.length === 0) return false;
	if (sumOf(aggregates) >= ((Date.now() - startAt) / 1_000) * perSecond) {
		await delay(AHEAD_OF_TIME_MS);
		return true;
	}
	const chosen = shuffled(open, Math.random).slice(0, oneTo(MAX_AGGREGATES));
	await db.transaction(async (tx) => {
		await tellSome(tx, source, chosen);
		if (Math.random() < SLOW_SHARE) await delay(SLOW_MS);
		tx.afterCommit(onCommit);
	});
	return true;
}

/** The next events of aggregates, numbered under the locks of their rows as by any owner of an aggregate. */
async function tellSome(tx: Tx, source: Source, chosen: readonly Aggregate[]): Promise<void> {
	const locked = await tx.query<Aggregate>(
		"SELECT * FROM aggregates WHERE aggregate_id = ANY ($1) ORDER BY aggregate_id FOR UPDATE",
		[chosen.map((aggregate) => aggregate.aggregate_id)],
	);
	const runs = locked.map(({ aggregate_id, sequence, quota }) => ({
		id: aggregate_id,
		first: sequence + 1,
		last: Math.min(sequence + oneTo(MAX_RUN), quota),
	}));
	const events = runs.flatMap(({ id, first, last }) => eventsOf(source, id, first, last));
	tx.execute(
		`UPDATE aggregates SET sequence = last FROM unnest($1::text[], $2::integer[]) AS run (id, last)
		WHERE aggregate_id = id`,
		[runs.map((run) => run.id), runs.map((run) => run.last)],
	);
	stage(tx, source, events);
}

function sumOf(aggregates: readonly Aggregate[]): number {
	return aggregates.reduce((sum, { sequence }) => sum + sequence, 0);
}

/** By chance. */
function oneTo(max: number): number {
	return 1 + Math.floor(Math.random() * max);
}
