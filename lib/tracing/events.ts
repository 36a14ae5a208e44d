import type { Span } from "@opentelemetry/api";
import type { ServiceBroker } from "moleculer";
import type { Envelope } from "../../contracts/events.ts";
import type { Transport } from "../event-bus/transport.ts";
import { tracingOf, within } from "./context.ts";

/** A transport whose events of `service` carry the span that they were told in, as far as this node knows it. */
export function tracedTransport(broker: ServiceBroker, service: string, transport: Transport): Transport {
	const tracing = tracingOf(broker);
	if (!tracing) return transport;
	return {
		...transport,
		publish: (events, bytes) =>
			transport.publish(
				events.map((event) => {
					const traceparent = tracing.noted(service, event.correlation_id);
					return traceparent === undefined ? event : { ...event, traceparent };
				}),
				bytes,
			),
	};
}

/** Runs `work`, which handles `events` for `service`, as a span of each trace that one of them carries. */
export async function traceHandling(
	broker: ServiceBroker,
	service: string,
	events: readonly Envelope[],
	work: () => Promise<void> | void,
): Promise<void> {
	const tracing = tracingOf(broker);
	const traced = tracing ? events.filter((event) => event.traceparent !== undefined) : [];
	if (!tracing || traced.length === 0) return work();
	const spans: Span[] = traced.map((event) => {
		const attributes = { "messaging.message.id": event.event_id, correlation_id: event.correlation_id };
		const name = `handle ${event.type}`;
		const span = tracing.begin({ service, name, kind: "CONSUMER", parent: event.traceparent, attributes });
		// What it tells in turn belongs to the same trace.
		tracing.note(service, event.correlation_id, span);
		return span;
	});
	try {
		await within(spans[0], async () => work());
	} finally {
		for (const span of spans) span.end();
	}
}
