import { v7 as newId } from "uuid";
import type { AnyEvent, Events } from "../../contracts/index.ts";

/** An event as the bus carries it; the only one of its aggregate unless told. */
export function told<E extends keyof Events>(
	type: E,
	data: Events[E],
	of: { readonly at?: Date; readonly aggregate?: string; readonly seq?: number } = {},
): AnyEvent {
	const { at = new Date(), aggregate = newId(), seq = 1 } = of;
	return {
		event_id: newId(),
		type,
		source: type.slice(0, type.indexOf(".")),
		timestamp: at.toISOString(),
		data,
		aggregate_id: aggregate,
		aggregate_seq: seq,
		version: 1,
		correlation_id: newId(),
		causation_id: null,
		actor: null,
	} as unknown as AnyEvent;
}
