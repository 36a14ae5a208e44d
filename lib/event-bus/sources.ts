/** The source of what programs tell that are no service of the cluster. */
export const EXTERNAL = "external";

/** Where an event comes from: what its type begins with. */
export function sourceOf(type: string): string {
	return type.slice(0, type.indexOf("."));
}

/** The service whose outbox has the events of `source`: `events` speaks for everybody who has none. */
export function tellerOf(source: string): string {
	return source === EXTERNAL ? "events" : source;
}
