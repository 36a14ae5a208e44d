import type { Envelope } from "../../../contracts/events.ts";

/** What a subscription wants. */
export interface Wish {
	readonly userId: string;
	readonly scope: "own" | "all";
	readonly types: readonly string[];
}

/** An event as others than the operators see it: without who is behind it. */
export type PublicEnvelope = Omit<Envelope, "actor">;

/** `*`, all of a source, or one type. */
export const TYPE_PATTERN = /^(\*|[a-z]+\.(\*|[a-z_]+))$/;

/** Whether a subscription gets an event that is about the user `about`, or about nobody. */
export function wants(wish: Wish, event: Pick<Envelope, "type" | "source">, about: string | null): boolean {
	if (wish.scope === "own" && about !== wish.userId) return false;
	return wish.types.some((type) => type === "*" || type === event.type || type === `${event.source}.*`);
}

/** Whom an event is about: the user that its data name, if they name one. */
export function subjectOf({ data }: Pick<Envelope, "data">): string | null {
	const { user_id: userId } = (data ?? {}) as { readonly user_id?: unknown };
	return typeof userId === "string" && UUID.test(userId) ? userId : null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The events in runs of at most `maxEvents` and `maxBytes` of text each in UTF-8, at least one event in each run. */
export function inRuns<Event>(
	events: readonly Event[],
	textOf: (event: Event) => string,
	maxEvents: number,
	maxBytes: number,
): { readonly events: readonly Event[]; readonly texts: readonly string[] }[] {
	const runs: { events: Event[]; texts: string[]; bytes: number }[] = [];
	for (const event of events) {
		const text = textOf(event);
		const bytes = Buffer.byteLength(text);
		const run = runs.at(-1);
		if (run && run.events.length < maxEvents && run.bytes + bytes <= maxBytes) {
			run.events.push(event);
			run.texts.push(text);
			run.bytes += bytes;
		} else {
			runs.push({ events: [event], texts: [text], bytes });
		}
	}
	return runs;
}
