import type { Page, Timestamp } from "./common.ts";

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
}

/** Events recorded after the position `after` (a `next_cursor` of an earlier page), at most `limit` of them. */
export interface EventQuery {
	readonly after?: string;
	readonly limit?: number;
	readonly type?: string;
	readonly aggregate_id?: string;
	readonly correlation_id?: string;
}

export interface EventsApi {
	/** In the order of recording. */
	query(params: EventQuery): Page<Envelope>;
}

export interface EventsEvents {
	"events.subscription_disabled": {
		readonly subscription_id: string;
		readonly user_id: string;
		readonly url: string;
		readonly reason: string;
	};
}
