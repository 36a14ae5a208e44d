import type { Msg } from "nats";
import { validate as isUuid } from "uuid";
import type { Envelope } from "../../contracts/events.ts";
import { MAX_EVENTS } from "./bounds.ts";
import { requestMessages } from "./jetstream-requests.ts";
import { rewind } from "./jetstream-rewind.ts";
import type { Session } from "./jetstream-session.ts";
import { pause } from "./leader.ts";
import { type BusLogger, backoffMs, type Subscription, wants } from "./transport.ts";

interface PullOptions {
	open(): Promise<Session>;
	readonly stream: string;
	/** What comes before the event's type in a subject. */
	readonly prefix: string;
	readonly subscription: Subscription;
	/** The name of the server's durable consumer, and the subjects it gets. */
	readonly durable: string;
	readonly filter: string;
	/** What is handled of that. */
	readonly types: readonly string[];
	readonly logger: BusLogger;
}

/** One batch is handled while the next arrives. */
const MAX_UNACKNOWLEDGED = 2 * MAX_EVENTS;

/**
 * Feeds a subscription from a durable pull consumer until `signal` aborts. An event is acknowledged after its effects
 * are committed. Whatever goes wrong, it starts over from the first event that is not acknowledged, so the order
 * holds: no event is ever put back alone.
 */
export async function pullEvents(options: PullOptions, signal: AbortSignal): Promise<void> {
	const { durable, logger } = options;
	let failures = 0;
	while (!signal.aborted) {
		try {
			const session = await options.open();
			await rewind(session.jsm, { ...options, maxUnacknowledged: MAX_UNACKNOWLEDGED });
			await pump(session, options, signal, () => {
				failures = 0;
			});
		} catch (error) {
			failures += 1;
			if (failures === 1 && !signal.aborted) logger.warn(`Events for '${durable}' wait in the transport`, error);
			await pause(backoffMs(failures), signal);
		}
	}
}

/** Handles what the consumer sends until the signal aborts or the connection or the consumer is lost. */
async function pump(
	{ connection, lost }: Session,
	{ stream, durable, subscription, prefix, logger }: PullOptions,
	signal: AbortSignal,
	onProgress: () => void,
): Promise<void> {
	const over = AbortSignal.any([signal, lost]);
	const requests = requestMessages(connection, stream, durable, over);
	try {
		while (!over.aborted) {
			const batch = await requests.next();
			const wanted = batch.filter((message) => wants(subscription, message.subject.slice(prefix.length)));
			const events = wanted.flatMap((message) => decode(message, logger));
			if (events.length > 0) await subscription.handle(events);
			for (const message of batch) message.respond();
			if (batch.length > 0) onProgress();
		}
	} finally {
		requests.close();
	}
	if (!signal.aborted) throw new Error("the connection was lost");
}

/** The event in `message`; none when somebody else has written something else to the subject. */
function decode(message: Msg, logger: BusLogger): Envelope[] {
	try {
		const event = message.json<Envelope>();
		if (!isEnvelope(event)) throw new Error("it lacks what every event has");
		return [event];
	} catch (error) {
		logger.error(`A message under ${message.subject} is no event and is dropped`, error);
		return [];
	}
}

/** Whether it has that by which the bus knows events. */
function isEnvelope(value: Partial<Envelope> | null): boolean {
	const { event_id, type, aggregate_id, aggregate_seq } = value ?? {};
	const texts = [type, aggregate_id].every((text) => typeof text === "string");
	return texts && isUuid(event_id) && Number.isSafeInteger(aggregate_seq);
}
