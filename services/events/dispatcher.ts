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

type Subscription = store.StoredSubscription;

/** What sends events to subscriptions. */
export interface Dispatcher {
	/** Looks for what is to be sent, and begins to send it. */
	round(): Promise<void>;
	/** Resolves when nothing is under way any more. */
	idle(): Promise<void>;
}

/** Sends each subscription its events, in their order, one message at a time; `delayMs` says when to try again. */
export function openDispatcher(bus: EventBus, delayMs = retryDelayMs): Dispatcher {
	const sending = new Map<string, Promise<void>>();

	async function round(): Promise<void> {
		const head = await headOf(bus.db);
		const due = (await store.dueSubscriptions(bus.db, head)).filter((one) => !sending.has(one.subscriptionId));
		const pages = new Map<string, Promise<readonly Recorded[]>>();
		const passed = new Map<string, string>();
		for (const subscription of due) {
			if (sending.size >= MAX_SENDING) break;
			const { subscriptionId, position } = subscription;
			const page = pages.get(position) ?? readPage(bus.db, position, PAGE);
			pages.set(position, page);
			const part = partOf(subscription, await page);
			if (part.wanted.length > 0) begin(subscription, part);
			else if (part.isLast) await store.removeSubscription(bus.db, subscriptionId);
			else passed.set(subscriptionId, part.upTo);
		}
		await store.advance(bus.db, passed);
	}

	function begin(subscription: Subscription, part: Part): void {
		const { subscriptionId } = subscription;
		const sent = send(bus, subscription, part, delayMs)
			.catch((error) => bus.broker.logger.warn(`subscription ${subscriptionId} has to wait`, error))
			.finally(() => sending.delete(subscriptionId));
		sending.set(subscriptionId, sent);
	}

	return {
		round,
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
	/** Whether the subscription ends with it. */
	readonly isLast: boolean;
}

function partOf({ endPosition, position, ...wish }: Subscription, page: readonly Recorded[]): Part {
	const end = endPosition === null ? null : BigInt(endPosition);
	const within = end === null ? page : page.filter((entry) => BigInt(entry.position) <= end);
	const upTo = within.at(-1)?.position ?? position;
	return {
		wanted: within.filter(({ event, about }) => wants(wish, event, about)),
		upTo,
		isLast: end !== null && (within.length < page.length || BigInt(upTo) >= end || page.length < PAGE),
	};
}

async function send(
	bus: EventBus,
	subscription: Subscription,
	{ wanted, upTo, isLast }: Part,
	delayMs: (failures: number) => number | null,
): Promise<void> {
	const { subscriptionId, url, secret } = subscription;
	let { failures } = subscription;
	const runs = inRuns(wanted, textOf, MAX_EVENTS_PER_MESSAGE, MAX_BYTES_PER_MESSAGE);
	for (const { events, texts } of runs) {
		const [first, last] = [events[0] as Recorded, events.at(-1) as Recorded];
		const id = `${subscriptionId}-${first.position}-${last.position}`;
		const body = `{"subscription_id":"${subscriptionId}","events":[${texts.join()}]}`;
		const result = await sendWebhook({ url, secret }, { id, body });
		if (!result.ok) return fail(bus, subscription, result.error, delayMs(failures + 1));
		await store.noteSuccess(bus.db, subscriptionId, last === wanted.at(-1) ? upTo : last.position);
		failures = 0;
	}
	if (isLast) await store.removeSubscription(bus.db, subscriptionId);
}

function textOf({ event }: Recorded): string {
	const { actor: _actor, ...shown } = event;
	return JSON.stringify(shown satisfies PublicEnvelope);
}

async function fail(bus: EventBus, subscription: Subscription, error: string, delayMs: number | null): Promise<void> {
	const { subscriptionId } = subscription;
	if (delayMs !== null) return store.noteFailure(bus.db, subscriptionId, error, delayMs);
	const origin = { correlation_id: newId(), actor: null };
	await bus.db.transaction((tx) => disable(bus, tx, { subscriptionId }, error, origin));
}
