import type { Events } from "../../../contracts/index.ts";
import { EVERY_SOURCE, placeOf } from "../../../lib/event-bus/sources.ts";

/** The services that tell, with the types that take turns within each of their aggregates. */
export const SOURCES = {
	users: ["users.created", "users.updated"],
	trading: ["trading.deposited", "trading.withdrawn"],
} as const satisfies Readonly<Record<string, readonly (keyof Events)[]>>;

/** The services that take in, with what they handle: one of them all of it, the other a part of each source. */
export const CONSUMERS = {
	risk: ["users.created", "users.updated", "trading.deposited", "trading.withdrawn"],
	data: ["users.updated", "trading.deposited"],
} as const satisfies Readonly<Record<string, readonly (keyof Events)[]>>;

/** The service with the history. */
export const HISTORY = "events";

export const SERVICES = ["users", "trading", "events", "risk", "data"] as const;

export type Source = keyof typeof SOURCES;
export type Consumer = keyof typeof CONSUMERS;
export type Service = (typeof SERVICES)[number];

export const SOURCE_NAMES: readonly Source[] = ["users", "trading"];
export const CONSUMER_NAMES: readonly Consumer[] = ["risk", "data"];

/** The places of all who take in what `source` tells. */
export function audienceOf(source: Source): readonly string[] {
	return [placeOf(HISTORY, EVERY_SOURCE), ...CONSUMER_NAMES.map((consumer) => placeOf(consumer, source))];
}
