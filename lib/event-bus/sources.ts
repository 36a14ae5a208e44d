import { CONSUMED } from "../topology.ts";

/** The source of what programs tell that are no service of the cluster. */
export const EXTERNAL = "external";

/** Stands for all sources together. */
export const EVERY_SOURCE = "*";

/** Where an event comes from: what its type begins with. */
export function sourceOf(type: string): string {
	return type.slice(0, type.indexOf("."));
}

/** The service whose outbox has the events of `source`: `events` speaks for everybody who has none. */
export function tellerOf(source: string): string {
	return source === EXTERNAL ? "events" : source;
}

/** The sources of the events in the outbox of `teller`. */
export function sourcesToldBy(teller: string): readonly string[] {
	return tellerOf(EXTERNAL) === teller ? [teller, EXTERNAL] : [teller];
}

/** The name under which a transport keeps how far `consumer` has come with the events of `source`. */
export function placeOf(consumer: string, source: string): string {
	return `${consumer}-${source === EVERY_SOURCE ? "all" : source}`;
}

/** The places of all services that take in what `teller` tells, whether they have ever been there or not. */
export function audienceOf(teller: string): readonly string[] {
	return Object.entries(CONSUMED).flatMap(([consumer, sources]) =>
		sources
			.filter((source) => source === EVERY_SOURCE || tellerOf(source) === teller)
			.map((source) => placeOf(consumer, source)),
	);
}
