import { newId } from "../../lib/id.ts";
import { retryDelayMs, sendWebhook } from "../../lib/webhook/index.ts";
import { inRuns, type PublicEnvelope, wants } from "./domain/subscription.ts";
import { disable, type EventBus } from "./events.commands.ts";
import { headOf, type Recorded, readPage } from "./events.store.ts";
import * as store from "./subscription.store.ts";

/** What a round reads of the history for subscriptions at the same position, which most are: at its end. */
const PAGE = 200;
/** A message is no more than a receiver can take without a thought. */
const MAX_EVENTS_PER_MESSAGE = 100;
const MAX_BYTES_PER_MESSAGE = 256 * 1_024;
/** Messages under way; a receiver that does not answer has one of them, for as long as a try lasts. */
const MAX_SENDING = 64;
/** A subscription that is further behind gives its place to others, for a moment at least. */
const MAX_PAGES_PER_TURN = 25;

type Subscription = store.StoredSubscription;
type DelayMs = (failures: number) => number | null;

/** What sends events to subscriptions. */
export interface Dispatcher {
	/** Looks for what is to be sent, and begins to send it; when `signal` aborts, no other message is begun. */
	round(signal: AbortSignal): Promise<void>;
	/** Resolves when nothing is under way any more. */
	idle(): Promise<void>;
}

/** Sends each subscription its events, in their order, one message at a time; `delayMs` says when to try again. */
export function openDispatcher(bus: EventBus, delayMs: DelayMs = retryDelayMs): Dispatcher {
	const sending = new Map<string, Promise<void>>();

	/** Gives whether some of those that want nothing of a page have another one to look through. */
	async function pass(signal: AbortSignal): Promise<boolean> {
		const head = await headOf(bus.db);
		const due = (await store.dueSubscriptions(bus.db, head)).filter((one) => !sending.has(one.subscriptionId));
		const pages = new Map<string, Promise<readonly Recorded[]>>();
		const passed = new Map<string, string>();
		let more = false;
		for (const subscription of due) {
			if (sending.size >= MAX_SENDING) break;
			const { subscriptionId, position } = subscription;
			const page = pages.get(position) ?? readPage(bus.db, position, PAGE);
			pages.set(position, page);
			const part = partOf(subscription, await page);
			if (part.wanted.length > 0) begin(subscription, part, signal);
			else if (part.isLast) await store.removeSubscription(bus.db, subscriptionId);
			else {
				passed.set(subscriptionId, part.upTo);
				more ||= part.isFull;
			}
		}
		await store.advance(bus.db, passed);
		return more;
	}

	function begin(subscription: Subscription, part: Part, signal: AbortSignal): void {
		const { subscriptionId } = subscription;
		const sent = takeTurn(bus, subscription, part, delayMs, signal)
			.catch((error) => bus.broker.logger.warn(`subscription ${subscriptionId} has to wait`, error))
			.finally(() => sending.delete(subscriptionId));
		sending.set(subscriptionId, sent);
	}

	return {
		async round(signal) {
			while (!signal.aborted && (await pass(signal)));
		},
		async idle() {
			await Promise.all(sending.values());
		},
	};
}

/** A stretch of the history as one subscription sees it. */
interface Part {
	readonly wanted: readonly Recorded[];
	/** The last position of the stretch. */
	readonly upTo: string;
	/** Whether there may be more behind it. */
	readonly isFull: boolean;
	/** Whether the subscription ends with it. */
	readonly isLast: boolean;
}

function partOf({ endPosition, position, ...wish }: Subscription, page: readonly Recorded[]): Part {
	const end = endPosition === null ? null : BigInt(endPosition);
	const within = end === null ? page : page.filter((entry) => BigInt(entry.position) <= end);
	const upTo = within.at(-1)?.position ?? position;
	const isFull = page.length === PAGE;
	return {
		wanted: within.filter(({ event, about }) => wants(wish, event, about)),
		upTo,
		isFull,
		isLast: end !== null && (within.length < page.length || BigInt(upTo) >= end || !isFull),
	};
}

/** Sends a subscription what it wants of the history, from `firstPart` on, until it has all or has had enough. */
async function takeTurn(
	bus: EventBus,
	from: Subscription,
	firstPart: Part,
	delayMs: DelayMs,
	signal: AbortSignal,
): Promise<void> {
	let subscription: Subscription | null = from;
	let part = firstPart;
	for (let pages = 1; part.wanted.length > 0; pages++) {
		for (const message of messagesOf(subscription, part)) {
			if (signal.aborted) return;
			subscription = await send(bus, subscription, message, delayMs);
			if (!subscription) return;
		}
		if (part.isLast) return store.removeSubscription(bus.db, subscription.subscriptionId);
		if (!part.isFull || pages === MAX_PAGES_PER_TURN) return;
		part = partOf(subscription, await readPage(bus.db, subscription.position, PAGE));
	}
}

/** Some events of a part, which go together; once they have arrived, all up to `upTo` is dealt with. */
interface Message {
	readonly events: readonly Recorded[];
	readonly texts: readonly string[];
	readonly upTo: string;
}

/** What was tried before comes first, as it was: a receiver knows a message by its id, whatever follows by now. */
function messagesOf({ sendingUpTo }: Subscription, { wanted, upTo }: Part): Message[] {
	const tried = wanted.filter(({ position }) => sendingUpTo !== null && BigInt(position) <= BigInt(sendingUpTo));
	const runs = [
		...inRuns(tried, textOf, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
		...inRuns(wanted.slice(tried.length), textOf, MAX_EVENTS_PER_MESSAGE, MAX_BYTES_PER_MESSAGE),
	];
	return runs.map((run, i) => ({ ...run, upTo: i === runs.length - 1 ? upTo : lastOf(run.events) }));
}

function lastOf(events: readonly Recorded[]): string {
	return events.at(-1)?.position ?? "";
}

function textOf({ event }: Recorded): string {
	const { actor: _actor, ...shown } = event;
	return JSON.stringify(shown satisfies PublicEnvelope);
}

/** Tries a message once; gives the subscription as it is once it has arrived, null when nothing may follow now. */
async function send(
	bus: EventBus,
	subscription: Subscription,
	{ events, texts, upTo }: Message,
	delayMs: DelayMs,
): Promise<Subscription | null> {
	const { subscriptionId, url, secret, failures } = subscription;
	const last = lastOf(events);
	if (!(await store.noteBegun(bus.db, subscription, last))) return null;
	const id = `${subscriptionId}-${events[0]?.position}-${last}`;
	const body = `{"subscription_id":"${subscriptionId}","events":[${texts.join()}]}`;
	const result = await sendWebhook({ url, secret }, { id, body });
	if (result.ok) return store.noteSuccess(bus.db, subscription, upTo);
	await fail(bus, subscription, result.error, delayMs(failures + 1));
	return null;
}

async function fail(bus: EventBus, subscription: Subscription, error: string, delayMs: number | null): Promise<void> {
	if (delayMs !== null) return store.noteFailure(bus.db, subscription, error, delayMs);
	const origin = { correlation_id: newId(), actor: null };
	await bus.db.transaction((tx) => disable(bus, tx, { failed: subscription }, error, origin));
}
