import { sourceOf, tellerOf } from "../../lib/event-bus/sources.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { CONSUMERS } from "../../lib/topology.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { askInbox, askOutbox } from "./consumers.ts";
import type { EventBus } from "./events.commands.ts";
import { decidedUpTo, decideUpTo, headOf, type Recorded, readOlderThan, removeEvents } from "./events.store.ts";
import { lowestReplayed } from "./replay.store.ts";
import { lowestPosition } from "./subscription.store.ts";

/** A consumer that comes back within this time finds its events in the transport without anybody's help. */
const TRANSPORT_KEEPS_MS = 3 * 24 * 3_600_000;
/** An eighth of its store: at thousands of events a second what is handled goes sooner, or the store would be full. */
const TRANSPORT_KEEPS_BYTES = 2 ** 30;
const PAGE = 1_000;
const CALL = { timeout: 10_000 };

/** Lets go of what is old and handled by all: in the transport, and where a setting says so everywhere. */
export async function retain(bus: EventBus & Settings, transport: Transport, signal: AbortSignal): Promise<void> {
	await forgetInTransport(bus, transport);
	const days = await bus.setting("events.retention_days");
	if (days > 0) await prune(bus, days, signal);
}

/** Every consumer must answer: of one that does not, nobody knows what it still needs. */
async function forgetInTransport(bus: EventBus, transport: Transport): Promise<void> {
	const backlogs = await Promise.all(
		CONSUMERS.map((consumer) => askInbox(bus.broker, consumer, "backlog", undefined, CALL)),
	);
	await transport.forget(
		{ ageMs: TRANSPORT_KEEPS_MS, bytes: TRANSPORT_KEEPS_BYTES },
		backlogs.flatMap((backlog) => backlog.places),
	);
}

/**
 * Removes the events recorded more than `days` days ago from inboxes, outboxes and history, up to the first that some
 * consumer, subscription or replay has not dealt with; gives how many. What is cut short goes on from where it was: an
 * event is found by the history until it is gone everywhere else, and whoever has forgotten it is not asked again.
 */
export async function prune(bus: EventBus, days: number, signal: AbortSignal): Promise<number> {
	const end = await endOfPruning(bus);
	for (let removed = 0; ; ) {
		const page = await readOlderThan(bus.db, days, end, PAGE);
		const handled = await handledByAll(bus, page);
		const last = handled.at(-1);
		if (!last || signal.aborted) return removed;
		await decideUpTo(bus.db, last.position);
		await forgetEverywhere(bus, handled);
		removed += handled.length;
		if (handled.length < page.length) return removed;
	}
}

async function endOfPruning({ db }: EventBus): Promise<string> {
	const positions = await Promise.all([headOf(db), lowestPosition(db), lowestReplayed(db)]);
	return positions.filter((position) => position !== null).reduce((a, b) => (BigInt(a) < BigInt(b) ? a : b));
}

/** The events of `page` before the first one that somebody has yet to handle. */
async function handledByAll(bus: EventBus, page: readonly Recorded[]): Promise<readonly Recorded[]> {
	if (page.length === 0) return [];
	const decided = BigInt(await decidedUpTo(bus.db));
	const undecided = page.filter(({ position }) => BigInt(position) > decided);
	const events = undecided.map(({ event: { event_id, type } }) => ({ event_id, type }));
	const unhandled = await Promise.all(
		CONSUMERS.map((consumer) => askInbox(bus.broker, consumer, "unhandled", { events }, CALL)),
	);
	const kept = new Set(unhandled.flat());
	const first = page.findIndex(({ event }) => kept.has(event.event_id));
	return first < 0 ? page : page.slice(0, first);
}

async function forgetEverywhere(bus: EventBus, page: readonly Recorded[]): Promise<void> {
	const event_ids = page.map(({ event }) => event.event_id);
	await Promise.all(CONSUMERS.map((consumer) => askInbox(bus.broker, consumer, "forget", { event_ids }, CALL)));
	const byTeller = Map.groupBy(page, ({ event }) => tellerOf(sourceOf(event.type)));
	await Promise.all(
		[...byTeller].map(([teller, told]) => {
			const events = told.map(({ event: { aggregate_id, aggregate_seq } }) => ({ aggregate_id, aggregate_seq }));
			return askOutbox(bus.broker, teller, "forget", { events }, CALL);
		}),
	);
	await removeEvents(bus.db, event_ids);
}
