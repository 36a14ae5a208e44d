import type { Page, PageQuery, Repeatable, Replayed, Timestamp, WithSecret } from "./common.ts";
import type { ConsumerBacklog, DeadLetter, OutboxBacklog } from "./event-bus.ts";

/** Who is behind a change, and from which address as far as is known. */
export interface Actor {
	readonly user_id: string;
	readonly ip: string | null;
}

/**
 * What every event looks like on the bus and in the history; the first five fields are the seed of it.
 * `aggregate_seq` counts the events of one aggregate from 1 without a gap; an aggregate belongs to one `source`.
 */
export interface Envelope<Type extends string = string, Data = unknown> {
	readonly event_id: string;
	readonly type: Type;
	readonly source: string;
	readonly timestamp: Timestamp;
	readonly data: Data;
	readonly aggregate_id: string;
	readonly aggregate_seq: number;
	readonly version: number;
	readonly correlation_id: string;
	readonly causation_id: string | null;
	/** Null when the cluster itself is: a timer, or an event that led to this one. */
	readonly actor: Actor | null;
	/** The span that told it, where that is traced: on its way to consumers alone, no part of the history. */
	readonly traceparent?: string;
	/** The last events of its aggregate before it that were published with it, by type: on its way to consumers alone. */
	readonly predecessors?: Readonly<Record<string, string>>;
}

/**
 * Events recorded after the position `after` (a `next_cursor` of an earlier page), at most `limit` of them, that
 * happened at `since` or later and before `until`.
 */
export interface EventQuery {
	readonly after?: string;
	readonly limit?: number;
	readonly type?: string;
	readonly aggregate_id?: string;
	readonly correlation_id?: string;
	readonly since?: Timestamp;
	readonly until?: Timestamp;
}

/** A page of the history. `after` is where to go on from when more has been recorded, on the last page as well. */
export interface EventPage extends Page<Envelope> {
	readonly after: string;
}

/**
 * Has every event from `from` on (inclusive; all when it is not given), up to those recorded now, handled by one
 * consumer that has missed them; with `again` also by one that has handled them.
 */
export interface ReplayRequest {
	readonly consumer: string;
	/** A position, as a page of events gave it; or a time. */
	readonly after?: string;
	readonly since?: Timestamp;
	readonly again?: boolean;
}

/** A replay under way or done; `handed_over` counts events that the consumer has got. */
export interface Replay {
	readonly replay_id: string;
	readonly consumer: string;
	readonly again: boolean;
	readonly status: "running" | "done";
	readonly handed_over: number;
	readonly last_error: string | null;
	readonly requested_by: string;
	readonly created_at: Timestamp;
	readonly updated_at: Timestamp;
}

/** Events of one's own, or as an admin of everybody, sent to `url` in signed POSTs, in their order. */
export interface SubscriptionRequest {
	readonly url: string;
	/** `*` is every type; `orders.*` all of one source. */
	readonly types: readonly string[];
	readonly scope?: "own" | "all";
}

/** `ending` ones get what was recorded before they were removed, `disabled` ones nothing any more. */
export interface EventSubscription {
	readonly subscription_id: string;
	readonly url: string;
	readonly types: readonly string[];
	readonly scope: "own" | "all";
	readonly status: "active" | "ending" | "disabled";
	/** Tries that failed since the last one that did not. */
	readonly failures: number;
	readonly last_error: string | null;
	readonly next_try_at: Timestamp | null;
	readonly created_at: Timestamp;
}

/** A new subscription with the secret that its events are signed by. */
export type NewSubscription = WithSecret<EventSubscription>;

/** What a program of another's tells on the bus; its type begins with `external.`. */
export interface Publication {
	/** The same id again changes nothing. */
	readonly event_id: string;
	readonly type: `external.${string}`;
	readonly aggregate_id: string;
	readonly data: Readonly<Record<string, unknown>>;
}

/** How far behind the services are, by service; null for one that does not answer. */
export interface BusBacklog {
	readonly outboxes: Readonly<Record<string, OutboxBacklog | null>>;
	readonly consumers: Readonly<Record<string, Omit<ConsumerBacklog, "places"> | null>>;
}

export interface EventsApi {
	/** In the order of recording. */
	query(params: EventQuery): EventPage;
	/** The last `limit` events of the history, oldest first. */
	tail(params: { readonly limit?: number; readonly type?: string }): EventPage;
	/** Gives its number in its aggregate. Refuses `IDEMPOTENCY_KEY_REUSED` for an id that told something else. */
	publish(params: Publication): { readonly aggregate_seq: number };
	backlog(): BusBacklog;
	/** Refuses `VALIDATION_FAILED` for an address that may not be, and `MAX_SUBSCRIPTIONS`. */
	subscribe(params: SubscriptionRequest & Repeatable): NewSubscription;
	subscriptions(): { readonly items: readonly EventSubscription[] };
	/** What is recorded by now is still sent; one that is ending already ends at once. */
	unsubscribe(params: { readonly subscription_id: string }): EventSubscription;
	/** By consumer and event id. Refuses `SERVICE_UNAVAILABLE` when a consumer that was asked for does not answer. */
	deadLetters(params: PageQuery & { readonly consumer?: string }): Page<DeadLetter>;
	deadLetter(params: { readonly consumer: string; readonly event_id: string }): DeadLetter;
	redrive(params: { readonly consumer: string; readonly event_id?: string }): { readonly redriven: number };
	discard(params: { readonly consumer: string; readonly event_id: string }): { readonly discarded: true };
	replay(params: ReplayRequest & Repeatable): Replay & Replayed;
	replays(): { readonly items: readonly Replay[] };
	replayOf(params: { readonly replay_id: string }): Replay;
}

export interface SubscriptionChanged {
	readonly subscription_id: string;
	readonly user_id: string;
	readonly url: string;
}

export interface EventsEvents {
	"events.subscription_added": SubscriptionChanged & Pick<EventSubscription, "types" | "scope">;
	"events.subscription_removed": SubscriptionChanged;
	"events.subscription_disabled": SubscriptionChanged & { readonly reason: string };
	"events.redrive_requested": { readonly consumer: string; readonly event_id: string | null };
	"events.dead_letter_discarded": { readonly consumer: string; readonly event_id: string };
	"events.replay_requested": Pick<Replay, "replay_id" | "consumer" | "again">;
	[type: `external.${string}`]: Readonly<Record<string, unknown>>;
}
