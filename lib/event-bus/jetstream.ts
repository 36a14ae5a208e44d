import type { Envelope } from "../../contracts/events.ts";
import { forgetHandled, handledUpTo, waitingFor } from "./jetstream-places.ts";
import { pullEvents } from "./jetstream-pull.ts";
import { connectSessions, type Session } from "./jetstream-session.ts";
import { isApiError, NO_MESSAGE_FOUND } from "./jetstream-stream.ts";
import { withPredecessors } from "./predecessors.ts";
import { EVERY_SOURCE, placeOf, sourceOf } from "./sources.ts";
import type { BusLogger, Receipt, Subscription, Transport } from "./transport.ts";

interface JetStreamOptions {
	/** `nats://user:password@host:port`, more than one by commas. */
	readonly servers: string;
	readonly namespace: string;
	/** How many servers keep the stream: an odd number up to 5, or 1 unless told. */
	readonly replicas?: number;
	readonly logger: BusLogger;
}

/** Shorter than the silence after which a relay loses its lock. */
const PUBLISH_TIMEOUT_MS = 3_000;

/**
 * The transport of a cluster: a NATS JetStream stream with a subject for each event type. It is a pipe that can be
 * refilled, not the truth: nats-server acknowledges before it syncs to disk, and its store may be deleted.
 */
export function jetStreamTransport({ servers, namespace, replicas = 1, logger }: JetStreamOptions): Transport {
	const stream = `${namespace}-events`;
	const prefix = `${namespace}.events.`;
	const sessions = connectSessions({ servers, stream, subject: `${prefix}>`, replicas, logger });

	return {
		publish: (events) => sessions.use((session) => publish(session, prefix, events)),
		async holds(receipt) {
			const held = await sessions.use((session) => holds(session, stream, receipt));
			if (!held) sessions.renew();
			return held;
		},
		handledUpTo: (receipt, sources) =>
			sessions.use(async ({ jsm }) => {
				const handled = await handledUpTo(jsm, stream, receipt, (subject) => tells(subject, prefix, sources));
				// This session may be the one that has not noticed.
				if (!handled) sessions.renew();
				return handled ?? new Map();
			}),
		consume(subscription) {
			const stopping = new AbortController();
			const sources = sourcesOf(subscription).map(({ durable, filter, types }) => ({
				open: sessions.open,
				stream,
				prefix,
				subscription,
				logger,
				durable,
				filter: prefix + filter,
				types,
			}));
			const running = subscription.exclusively(async (signal) => {
				await Promise.all(sources.map((source) => pullEvents(source, signal)));
			}, stopping.signal);
			const places = sources.map(({ durable }) => durable);
			return {
				places,
				waiting: () => sessions.use(({ jsm }) => waitingFor(jsm, stream, places)),
				async stop() {
					stopping.abort();
					await running;
				},
			};
		},
		forget: (kept, places) => sessions.use(({ jsm }) => forgetHandled(jsm, stream, kept, places)),
		close: () => sessions.close(),
	};
}

/** All events are on their way before the first is acknowledged; one connection keeps their order. */
async function publish({ js, store }: Session, prefix: string, events: readonly Envelope[]): Promise<Receipt | null> {
	const acks = await Promise.all(
		withPredecessors(events).map((event) =>
			js.publish(prefix + event.type, JSON.stringify(event), { msgID: event.event_id, timeout: PUBLISH_TIMEOUT_MS }),
		),
	);
	// Not the last one: a repeat is acknowledged with the place that it has had before.
	const sequence = Math.max(...acks.map((ack) => ack.seq));
	const event = events[acks.findIndex((ack) => ack.seq === sequence)];
	return event ? { store, sequence, event_id: event.event_id } : null;
}

async function holds({ jsm: { streams } }: Session, stream: string, receipt: Receipt): Promise<boolean> {
	const message = await streams.getMessage(stream, { seq: receipt.sequence }).catch((error) => {
		if (!isApiError(error, NO_MESSAGE_FOUND)) throw error;
	});
	if (message?.header.get("Nats-Msg-Id") === receipt.event_id) return true;
	const { created, state } = await streams.info(stream);
	if (created !== receipt.store) return false;
	if (receipt.sequence < state.first_seq) return true; // it has outlived the retention
	// The store has lost its end, as it does when its machine loses power, and consumers may have been beyond: they would
	// miss what takes the same places. So it goes as a whole, and all start anew.
	await streams.delete(stream);
	return false;
}

/** Whether `subject`, which may have wildcards, is one of events of one of `sources`. */
function tells(subject: string, prefix: string, sources: readonly string[]): boolean {
	const [source = ""] = subject.slice(prefix.length).split(".");
	return !subject.startsWith(prefix) || ["*", ">", ...sources].includes(source);
}

/**
 * One consumer for each source: it gets the only type that is wanted of it, or all types and drops those that are not.
 * One for each type would lose the order within an aggregate; one with several filters is beyond nats-server 2.9.
 */
function sourcesOf({ name, types }: Subscription) {
	if (types.includes("*")) return [{ durable: placeOf(name, EVERY_SOURCE), filter: ">", types: [">"] }];
	return [...Map.groupBy(types, sourceOf)].map(([source, ofSource]) => ({
		durable: placeOf(name, source),
		filter: ofSource.length === 1 ? (ofSource[0] ?? "") : `${source}.*`,
		types: ofSource,
	}));
}
