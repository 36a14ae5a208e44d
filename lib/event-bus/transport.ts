import type { Logger } from "moleculer";
import type { Envelope } from "../../contracts/events.ts";

/** Where the bus reports what an operator should know. */
export type BusLogger = Pick<Logger, "warn" | "error">;

/** Where a transport has put the last event of a publication: by it, it can tell later whether it has lost some. */
export interface Receipt {
	/** The store that took it; another one after the store was lost. */
	readonly store: string;
	readonly sequence: number;
	readonly event_id: string;
}

/** What a service takes from the bus. */
export interface Subscription {
	/** The service: all its nodes share one subscription. */
	readonly name: string;
	/** The types it handles; `*` is every one. */
	readonly types: readonly string[];
	/** Resolves when the effects of `events` are committed; when it rejects, they come again. */
	handle(events: readonly Envelope[]): Promise<void>;
	/** Runs `work` on one node of the service at a time until `signal` aborts; it must end when its own signal does. */
	exclusively(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export interface Consumption {
	/** The names under which the transport keeps the subscription's place. */
	readonly places: readonly string[];
	/** How many events the transport has yet to see handled; of a source of which several types are wanted, all. */
	waiting(): Promise<number>;
	/** Resolves when nothing is being handled any more; what was not handled stays with the transport. */
	stop(): Promise<void>;
}

/**
 * Carries events from outboxes to consumers: every event at least once to every subscription that has its type, those
 * of one aggregate in order. An event that is repeated may come late.
 */
export interface Transport {
	/**
	 * Resolves when all of `events`, of `bytes` in all, are accepted for delivery; when it rejects, any of them may or
	 * may not be.
	 */
	publish(events: readonly Envelope[], bytes?: number): Promise<Receipt | null>;
	/** False when some of what was accepted up to `receipt` may be lost: it is then to be published again. */
	holds(receipt: Receipt): Promise<boolean>;
	/**
	 * Of each place that gets events of one of `sources`, whether all that was accepted up to `receipt` and is for it has
	 * been handled; of none when the store is another one. It counts only when `holds` says so afterwards: where some
	 * were lost, places are beyond what they have handled.
	 */
	handledUpTo(receipt: Receipt, sources: readonly string[]): Promise<ReadonlyMap<string, boolean>>;
	consume(subscription: Subscription): Consumption;
	/**
	 * Drops what is handled in all of `places` and older than `ageMs`, or of any age when there are more than `bytes` in
	 * all. Drops nothing when one of `places` is not there.
	 */
	forget(kept: { readonly ageMs: number; readonly bytes: number }, places: readonly string[]): Promise<void>;
	close(): Promise<void>;
}

/** Whether `subscription` wants events of `type`. */
export function wants(subscription: Subscription, type: string): boolean {
	return subscription.types.includes("*") || subscription.types.includes(type);
}

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;

/** How long to wait after so many failures in a row. */
export function backoffMs(failures: number): number {
	return Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS);
}
