import { v7 as newId } from "uuid";
import type { Envelope } from "../../contracts/events.ts";

/** An event that no service has told, the first of its aggregate. */
export function eventOf(over: Partial<Envelope> = {}): Envelope {
	return {
		event_id: newId(),
		type: "orders.created",
		source: "orders",
		timestamp: "2026-01-02T03:04:05.678Z",
		data: { price: "61837.630", note: "a\u0000b" },
		aggregate_id: newId(),
		aggregate_seq: 1,
		version: 1,
		correlation_id: newId(),
		causation_id: null,
		actor: null,
		...over,
	};
}
