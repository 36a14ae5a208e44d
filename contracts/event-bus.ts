import type { Timestamp } from "./common.ts";
import type { Envelope } from "./events.ts";

/** An event that a consumer has given up on after so many `attempts`, and why. */
export interface DeadLetter {
	readonly consumer: string;
	readonly event: Envelope;
	readonly attempts: number;
	readonly last_error: string | null;
	readonly set_aside_at: Timestamp;
}

/** Some of a consumer's dead letters, and whether there are more behind them. */
export interface DeadLetters {
	readonly items: readonly DeadLetter[];
	readonly more: boolean;
}

/** What a consumer has yet to handle. */
export interface ConsumerBacklog {
	/** Events that the transport holds for it. */
	readonly waiting: number;
	/** How old the last event was when it was handled here; null when this node has handled none. */
	readonly delay_ms: number | null;
	/** Events that failed and are tried again, those that wait for another, and those given up on. */
	readonly retrying: number;
	readonly parked: number;
	readonly dead: number;
	/** The names under which the transport keeps its place. */
	readonly places: readonly string[];
}

/** What waits to be published, and the age of the oldest of it (0 when there is none). */
export interface OutboxBacklog {
	readonly unpublished: number;
	readonly oldest_age_ms: number;
}

/** What `events` asks of every service that takes events in, as `<service>.inbox.<name>`. */
export interface InboxApi {
	backlog(): ConsumerBacklog;
	/** By event id, those after `after`: no more than `limit`, and than a message carries. */
	deadLetters(params: { readonly after: string | null; readonly limit: number }): DeadLetters;
	/** Null when it is no dead letter. */
	deadLetter(params: { readonly event_id: string }): DeadLetter | null;
	/** Has the dead letter, or some of them all, tried anew; gives how many. */
	redrive(params: { readonly event_id: string | null }): number;
	/** Forgets a dead letter for good; false when it is none. */
	discard(params: { readonly event_id: string }): boolean;
	/** Handles those of `events` that it has missed, or with `again` all; gives how many are of types that it handles. */
	take(params: { readonly events: readonly Envelope[]; readonly again: boolean }): number;
	/** Which of `events` it must handle and has not. */
	unhandled(params: { readonly events: readonly Pick<Envelope, "event_id" | "type">[] }): readonly string[];
	/** Forgets that it has handled these, which nobody will send again. */
	forget(params: { readonly event_ids: readonly string[] }): null;
}

/** What `events` asks of every service that tells events, as `<service>.outbox.<name>`. */
export interface OutboxApi {
	backlog(): OutboxBacklog;
	/** Forgets events that are old enough and that everybody has handled. */
	forget(params: { readonly events: readonly Pick<Envelope, "aggregate_id" | "aggregate_seq">[] }): null;
}
