import type { Envelope } from "../../contracts/events.ts";
import type { Tx } from "../db.ts";

/** Tells which events have come before one that was published before them. */
export interface Predecessors {
	/** Those of `events`, which are taken over in `tx` in their order, of which a predecessor was not. */
	missed(tx: Tx, events: readonly Envelope[]): Promise<ReadonlySet<Envelope>>;
	/** Notes that `events` are taken over for good. */
	note(events: readonly Envelope[]): void;
}

/** So many of the last events are known without a question to the database. */
const REMEMBERED = 5_000;

/**
 * `events`, which are published together, each with the last ones of its aggregate before it, by type. A transport may
 * refuse one and accept those behind it: by these a consumer sees that one is yet to come.
 */
export function withPredecessors(events: readonly Envelope[]): readonly Envelope[] {
	const last = new Map<string, Readonly<Record<string, string>>>();
	return events.map((event) => {
		const predecessors = last.get(event.aggregate_id);
		last.set(event.aggregate_id, { ...predecessors, [event.type]: event.event_id });
		return predecessors ? { ...event, predecessors } : event;
	});
}

/** Watches those of types that `handles`. `table` has a row for each event that was handled or taken over. */
export function watchPredecessors(table: string, handles: (type: string) => boolean): Predecessors {
	let [recent, older] = [new Set<string>(), new Set<string>()];

	const predecessorsOf = ({ predecessors = {} }: Envelope) =>
		Object.entries(predecessors).flatMap(([type, id]) => (handles(type) ? [id] : []));

	return {
		async missed(tx, events) {
			const places = new Map(events.map(({ event_id }, place) => [event_id, place]));
			const isRecent = (id: string) => recent.has(id) || older.has(id);
			const unknown = new Set(events.flatMap(predecessorsOf).filter((id) => !places.has(id) && !isRecent(id)));
			const missing = unknown.size > 0 ? await neverTaken(tx, table, [...unknown]) : unknown;
			const isMissed = (id: string, place: number) => missing.has(id) || (places.get(id) ?? -1) > place;
			return new Set(events.filter((event, place) => predecessorsOf(event).some((id) => isMissed(id, place))));
		},
		note(events) {
			for (const { event_id } of events) recent.add(event_id);
			if (recent.size > REMEMBERED) [recent, older] = [new Set(), recent];
		},
	};
}

async function neverTaken(tx: Tx, table: string, eventIds: readonly string[]): Promise<ReadonlySet<string>> {
	const rows = await tx.query<{ event_id: string }>(
		`SELECT event_id FROM unnest($1::uuid[]) AS e (event_id)
		WHERE NOT EXISTS (SELECT FROM ${table} t WHERE t.event_id = e.event_id)
			AND NOT EXISTS (SELECT FROM deliveries d WHERE d.event_id = e.event_id)`,
		[eventIds],
	);
	return new Set(rows.map((row) => row.event_id));
}
