import { setTimeout as delay } from "node:timers/promises";
import {
	type ConnectionOptions,
	connect,
	DiscardPolicy,
	Events,
	type JetStreamClient,
	type JetStreamManager,
	type NatsConnection,
	NatsError,
	nanos,
	RetentionPolicy,
	StorageType,
} from "nats";
import type { Envelope } from "../../contracts/events.ts";
import { pullEvents } from "./jetstream-pull.ts";
import { pause } from "./leader.ts";
import type { BusLogger, Receipt, Subscription, Transport } from "./transport.ts";

interface JetStreamOptions {
	/** `nats://user:password@host:port`, more than one by commas. */
	readonly servers: string;
	readonly namespace: string;
	readonly logger: BusLogger;
}

/** A connection whose stream was there a moment ago. */
export interface Session {
	readonly js: JetStreamClient;
	readonly jsm: JetStreamManager;
	/** When the stream was made: tells it from one of the same name that was made later. */
	readonly store: string;
	/** Aborts when the connection breaks. */
	readonly lost: AbortSignal;
}

/** A consumer can be away so long and still find its events in the stream; outboxes and history keep them for ever. */
const RETENTION_MS = 3 * 24 * 3_600_000;
/** Covers a relay's repeats; the inbox drops those that come later. The server keeps such ids in memory. */
const DUPLICATE_WINDOW_MS = 30_000;
/** Shorter than the silence after which a relay loses its lock. */
const PUBLISH_TIMEOUT_MS = 3_000;
const API_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 250;
/** A server that answers no ping for 6 s is taken for dead. */
const PING_INTERVAL_MS = 3_000;
const MAX_PINGS_OUT = 2;
const FLUSH_LIMIT_MS = 2_000;

/** Error codes of JetStream's API. */
const NO_MESSAGE_FOUND = 10_037;
const STREAM_NAME_IN_USE = 10_058;
const STREAM_NOT_FOUND = 10_059;

/**
 * The transport of a cluster: a NATS JetStream stream with a subject for each event type. It is a pipe that can be
 * refilled, not the truth: nats-server acknowledges before it syncs to disk, and its store may be deleted.
 */
export function jetStreamTransport({ servers, namespace, logger }: JetStreamOptions): Transport {
	const stream = `${namespace}-events`;
	const prefix = `${namespace}.events.`;
	const closing = new AbortController();
	let connection: NatsConnection | null = null;
	let lost = new AbortController();
	let session: Promise<Session> | null = null;
	const connecting = connectPatiently(connectionOptions(servers), closing.signal);
	void watch();

	async function watch(): Promise<void> {
		connection = await connecting;
		for await (const status of connection?.status() ?? []) {
			if (status.type !== Events.Disconnect && status.type !== Events.Reconnect) continue;
			session = null;
			lost.abort();
			if (status.type === Events.Reconnect) lost = new AbortController();
		}
	}

	/** The session in use; a new one after a failure. */
	function ready(): Promise<Session> {
		session ??= openSession().catch((error) => {
			session = null;
			throw error;
		});
		return session;
	}

	/** A session on the present connection; makes the stream if it is not there. */
	async function openSession(): Promise<Session> {
		await Promise.race([connecting, delay(API_TIMEOUT_MS, undefined, { ref: false })]);
		if (!connection || lost.signal.aborted) throw new Error("NATS cannot be reached");
		const { signal } = lost;
		const jsm = await connection.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false });
		const store = await ensureStream(jsm, stream, `${prefix}>`);
		return { js: jsm.jetstream(), jsm, store, lost: signal };
	}

	async function publish(events: readonly Envelope[]): Promise<Receipt | null> {
		const { js, store } = await ready();
		try {
			// All are on their way before the first is acknowledged; one connection keeps their order.
			const acks = await Promise.all(
				events.map((event) =>
					js.publish(prefix + event.type, JSON.stringify(event), {
						msgID: event.event_id,
						timeout: PUBLISH_TIMEOUT_MS,
					}),
				),
			);
			const [ack, event] = [acks.at(-1), events.at(-1)];
			return ack && event ? { store, sequence: ack.seq, event_id: event.event_id } : null;
		} catch (error) {
			session = null; // the stream may be gone
			throw error;
		}
	}

	async function holds(receipt: Receipt): Promise<boolean> {
		const { jsm } = await ready();
		try {
			if ((await messageId(jsm, stream, receipt.sequence)) === receipt.event_id) return true;
			const { created, state } = await jsm.streams.info(stream);
			if (created === receipt.store) {
				if (receipt.sequence < state.first_seq) return true; // it has outlived the retention
				// The store has lost its end, as it does when its machine loses power, and consumers may have been
				// beyond: they would miss what takes the same places. So it goes as a whole, and all start anew.
				await jsm.streams.delete(stream);
			}
		} catch (error) {
			if (!isApiError(error, STREAM_NOT_FOUND)) throw error;
		}
		session = null;
		return false;
	}

	return {
		publish,
		holds,
		consume(subscription) {
			const stopping = new AbortController();
			const pull = (signal: AbortSignal) =>
				Promise.all(
					sourcesOf(subscription).map(({ name, filter }) =>
						pullEvents(
							{ open: openSession, stream, prefix, subscription, logger, filter: prefix + filter, durable: name },
							signal,
						),
					),
				);
			const running = subscription.exclusively(async (signal) => void (await pull(signal)), stopping.signal);
			return {
				async stop() {
					stopping.abort();
					await running;
				},
			};
		},
		async close() {
			closing.abort();
			await Promise.race([connection?.flush().catch(() => {}), delay(FLUSH_LIMIT_MS, undefined, { ref: false })]);
			await connection?.close();
		},
	};
}

/**
 * One consumer for each source: it gets all types of the source and drops those it does not want. A consumer for each
 * type would lose the order within an aggregate; one with several filters is beyond nats-server 2.9.
 */
function sourcesOf({ name, types }: Subscription): { readonly name: string; readonly filter: string }[] {
	if (types.includes("*")) return [{ name: `${name}-all`, filter: ">" }];
	const sources = new Set(types.map((type) => type.slice(0, type.indexOf("."))));
	return [...sources].map((source) => ({ name: `${name}-${source}`, filter: `${source}.*` }));
}

/** Makes the stream if it is not there; gives the time when it was made. */
async function ensureStream(jsm: JetStreamManager, name: string, subject: string): Promise<string> {
	const config = {
		name,
		subjects: [subject],
		storage: StorageType.File,
		retention: RetentionPolicy.Limits,
		// A full store refuses: the events stay in their outboxes. The other policy would drop unhandled ones.
		discard: DiscardPolicy.New,
		max_age: nanos(RETENTION_MS),
		duplicate_window: nanos(DUPLICATE_WINDOW_MS),
	};
	try {
		return (await jsm.streams.add(config)).created;
	} catch (error) {
		if (!isApiError(error, STREAM_NAME_IN_USE)) throw error;
		return (await jsm.streams.update(name, config)).created;
	}
}

/** The id of the message at `sequence`, or null when there is none. */
async function messageId(jsm: JetStreamManager, stream: string, sequence: number): Promise<string | null> {
	try {
		return (await jsm.streams.getMessage(stream, { seq: sequence })).header.get("Nats-Msg-Id");
	} catch (error) {
		if (isApiError(error, NO_MESSAGE_FOUND)) return null;
		throw error;
	}
}

function isApiError(error: unknown, code: number): boolean {
	return error instanceof NatsError && error.api_error?.err_code === code;
}

/** A connection that then repairs itself for ever; null when `signal` aborts before there is one. */
async function connectPatiently(options: ConnectionOptions, signal: AbortSignal): Promise<NatsConnection | null> {
	while (!signal.aborted) {
		try {
			return await connect(options);
		} catch {
			await pause(RECONNECT_MS, signal);
		}
	}
	return null;
}

function connectionOptions(servers: string): ConnectionOptions {
	const urls = servers.split(",").map((server) => new URL(server.trim()));
	const [first] = urls;
	return {
		servers: urls.map((url) => url.host),
		name: "event bus",
		maxReconnectAttempts: -1,
		reconnectTimeWait: RECONNECT_MS,
		pingInterval: PING_INTERVAL_MS,
		maxPingOut: MAX_PINGS_OUT,
		// A stack trace for each of thousands of requests a second costs a fifth of the throughput.
		noAsyncTraces: true,
		...(first?.username && { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }),
		...(first?.protocol === "tls:" && { tls: {} }),
	};
}
