import type { Context } from "moleculer";
import type { Page, PageQuery } from "../../contracts/common.ts";
import type { DeadLetter } from "../../contracts/event-bus.ts";
import type { EventPage, EventQuery, EventSubscription, Replay } from "../../contracts/events.ts";
import type { Db } from "../../lib/db.ts";
import { cursorOf, NUMBER_KEY, pageOf, positionOf } from "../../lib/page.ts";
import { refuse, refuseFields } from "../../lib/refuse.ts";
import { CONSUMERS } from "../../lib/topology.ts";
import { askInbox, noDeadLetter } from "./consumers.ts";
import { positionBefore, type Recorded, readHistory, readLast } from "./events.store.ts";
import { findReplay, listReplays, shown as shownReplay } from "./replay.store.ts";
import { listSubscriptions, shown as shownSubscription } from "./subscription.store.ts";

const DEFAULT_LIMIT = 50;
const MAX_LISTED_REPLAYS = 100;

/** `consumer/event_id` of a dead letter. */
const DEAD_LETTER_KEY = /^[a-z]+\/[0-9a-f-]{36}$/;

/** A page of the history in the order of recording. */
export async function queryHistory(db: Db, query: EventQuery): Promise<EventPage> {
	const { limit = DEFAULT_LIMIT, since = null, until = null } = query;
	const start = await startOf(db, query);
	const rows = await readHistory(db, {
		after: start,
		limit: limit + 1,
		type: query.type ?? null,
		aggregateId: query.aggregate_id ?? null,
		correlationId: query.correlation_id ?? null,
		since,
		until,
	});
	return eventPage(rows, limit, start);
}

function eventPage(rows: readonly Recorded[], limit: number, start: string): EventPage {
	const page = pageOf(
		rows,
		limit,
		(row) => row.position,
		(row) => row.event,
	);
	return { ...page, after: cursorOf(rows[page.items.length - 1]?.position ?? start) };
}

/** The position after which to read: the cursor's, or else the last before the time from which on it is asked. */
export async function startOf(db: Db, { after, since }: Pick<EventQuery, "after" | "since">): Promise<string> {
	if (after !== undefined) return positionAt(after);
	return since === undefined ? "0" : positionBefore(db, since);
}

function positionAt(cursor: string): string {
	const position = Buffer.from(cursor, "base64url").toString();
	if (NUMBER_KEY.test(position) && cursorOf(position) === cursor) return position;
	const message = "The cursor is not one that a page of events gave";
	throw refuseFields([{ pointer: "/after", code: "INVALID_CURSOR", message }]);
}

/** The last page of the history. */
export async function tailOfHistory(
	db: Db,
	{ limit = DEFAULT_LIMIT, type = null }: { readonly limit?: number; readonly type?: string | null },
): Promise<EventPage> {
	return eventPage(await readLast(db, type, limit), limit, "0");
}

/** The user's subscriptions, oldest first. */
export async function subscriptionsOf(db: Db, userId: string): Promise<EventSubscription[]> {
	return (await listSubscriptions(db, userId)).map(shownSubscription);
}

/** The last replays, newest first. */
export async function recentReplays(db: Db): Promise<Replay[]> {
	return (await listReplays(db, MAX_LISTED_REPLAYS)).map(shownReplay);
}

/** The replay of that id. Refuses `NOT_FOUND`. */
export async function getReplay(db: Db, replayId: string): Promise<Replay> {
	const replay = await findReplay(db, replayId);
	if (!replay) throw refuse("NOT_FOUND", "There is no such replay");
	return shownReplay(replay);
}

/** A page of dead letters by consumer and event id, of one consumer or of all. */
export async function listDeadLetters(
	ctx: Context,
	query: PageQuery & { readonly consumer?: string },
): Promise<Page<DeadLetter>> {
	const { limit, after } = positionOf(query, DEAD_LETTER_KEY);
	const [from = "", afterId = null] = after?.split("/") ?? [];
	const names = (query.consumer === undefined ? CONSUMERS : [query.consumer]).filter((name) => name >= from);
	const found: DeadLetter[] = [];
	let isCut = false;
	for (const name of names.toSorted()) {
		const params = { after: name === from ? afterId : null, limit: limit + 1 - found.length };
		const { items, more } = await askInbox(ctx, name, "deadLetters", params);
		found.push(...items);
		isCut = more;
		if (isCut || found.length > limit) break;
	}
	const page = pageOf(found, limit, keyOf, (letter) => letter);
	const last = page.items.at(-1);
	return isCut && last ? { ...page, next_cursor: cursorOf(keyOf(last)) } : page;
}

function keyOf({ consumer, event }: DeadLetter): string {
	return `${consumer}/${event.event_id}`;
}

/** One dead letter. Refuses `NOT_FOUND`. */
export async function getDeadLetter(ctx: Context, consumer: string, eventId: string): Promise<DeadLetter> {
	const letter = await askInbox(ctx, consumer, "deadLetter", { event_id: eventId });
	if (!letter) throw noDeadLetter();
	return letter;
}
