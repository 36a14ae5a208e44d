import type { SecurityRecord } from "../../contracts/audit.ts";
import type { Envelope } from "../../contracts/events.ts";
import { type Batcher, batcher } from "../../lib/batch.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { newId } from "../../lib/id.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import * as store from "./audit.store.ts";
import { chained, type Draft, type Place } from "./domain/chain.ts";
import { draftOfEvent, draftOfSecurity, isRecorded } from "./domain/record.ts";

export type Audit = Database & Outbox & { readonly recorder: Recorder };

/** Whoever can tell of anchors. */
type Teller = Pick<Outbox, "stage">;

/** What is told of the chain is told of one thing. */
const CHAIN = "audit-chain";

/** So many records are anchored together. */
const ANCHOR_EVERY = 1_000;

/** Calls with up to `MAX_RECORDS_AT_ONCE` records each: so many share a transaction, so many may wait. */
const MAX_BATCH = 10;
const MAX_QUEUE = 1_000;

/** Records security events; those that arrive together in one transaction. */
export type Recorder = Batcher<readonly SecurityRecord[], true>;

/** The group commit of what is no event. */
export function openRecorder(audit: Database & Outbox): Recorder {
	return batcher({
		maxBatch: MAX_BATCH,
		maxQueue: MAX_QUEUE,
		async run(lists) {
			const drafts = lists.flat().map(draftOfSecurity);
			await audit.db.transaction((tx) => append(audit, tx, drafts));
			return lists.map(() => true as const);
		},
	});
}

/** Records that somebody has made use of the audit itself. */
export async function recordUse(
	audit: Pick<Audit, "recorder">,
	use: { readonly action: string; readonly result: string; readonly details: SecurityRecord["details"] },
	{ actor, correlation_id: request_id }: Origin,
): Promise<void> {
	await audit.recorder.add([
		{
			...use,
			event_id: newId(),
			time: new Date().toISOString(),
			user_id: actor?.user_id ?? null,
			object: CHAIN,
			ip: actor?.ip ?? null,
			request_id,
		},
	]);
}

/** Records events, but for the audit's own; one that is recorded already is left out. */
export function recordEvents(audit: Teller, tx: Tx, events: readonly Envelope[]): Promise<void> {
	return append(audit, tx, events.filter(isRecorded).map(draftOfEvent));
}

/** Adds drafts to the chain, each once by its `event_id`, and anchors it when that is due. */
async function append(audit: Teller, tx: Tx, drafts: readonly Draft[]): Promise<void> {
	if (drafts.length === 0) return;
	const [head, known] = await Promise.all([
		store.lockHead(tx),
		// After the lock: whoever had it before may have recorded the same.
		store.selectKnown(
			tx,
			drafts.map((draft) => draft.event_id),
		),
	]);
	const fresh = new Map(drafts.filter(({ event_id }) => !known.has(event_id)).map((draft) => [draft.event_id, draft]));
	const links = chained(head, [...fresh.values()]);
	const last = links.at(-1);
	if (!last) return;
	store.insertLinks(tx, links);
	store.moveHead(tx, last);
	if (last.seq - head.anchored_seq >= ANCHOR_EVERY) anchor(audit, tx, last, head.anchors + 1);
}

/** Anchors the head of the chain if some record has waited for that for `ageS` seconds. */
export function anchorOverdue(audit: Database & Outbox, ageS: number): Promise<void> {
	return audit.db.transaction(async (tx) => {
		const head = await store.lockOverdueHead(tx, ageS);
		if (head) anchor(audit, tx, head, head.anchors + 1);
	});
}

/** Keeps the place and tells of it: the history, in another database, is the witness. */
function anchor(audit: Teller, tx: Tx, { seq, hash }: Place, count: number): void {
	store.insertAnchor(tx, { seq, hash });
	audit.stage(tx, [
		{
			type: "audit.anchored",
			aggregate_id: CHAIN,
			aggregate_seq: count,
			data: { seq, hash },
			correlation_id: newId(),
			actor: null,
		},
	]);
}
