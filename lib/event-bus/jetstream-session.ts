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
import { pause } from "./leader.ts";
import type { BusLogger } from "./transport.ts";

/** A connection whose stream was there a moment ago. */
export interface Session {
	readonly js: JetStreamClient;
	readonly jsm: JetStreamManager;
	/** When the stream was made: tells it from one of the same name that was made later. */
	readonly store: string;
	/** Aborts when the connection breaks. */
	readonly lost: AbortSignal;
}

export interface Sessions {
	/** A new session; makes the stream if it is not there. Rejects while there is no connection. */
	open(): Promise<Session>;
	/** Does `work` in the session in use. One in which something has failed is not used again: the stream may be gone. */
	use<T>(work: (session: Session) => Promise<T>): Promise<T>;
	/** Has the next use open a new session. */
	renew(): void;
	/** Sends what is under way, for a bounded time, and disconnects. */
	close(): Promise<void>;
}

interface SessionOptions {
	/** `nats://user:password@host:port`, more than one by commas. */
	readonly servers: string;
	readonly stream: string;
	/** What the stream takes. */
	readonly subject: string;
	/** How many servers keep it. */
	readonly replicas: number;
	readonly logger: BusLogger;
}

/** Covers a relay's repeats; the inbox drops those that come later. The server keeps such ids in memory. */
const DUPLICATE_WINDOW_MS = 30_000;
const API_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 250;
/** A server that answers no ping for 6 s is taken for dead. */
const PING_INTERVAL_MS = 3_000;
const MAX_PINGS_OUT = 2;
const FLUSH_LIMIT_MS = 2_000;

/** Error codes of JetStream's API. */
export const NO_MESSAGE_FOUND = 10_037;
const STREAM_NAME_IN_USE = 10_058;

/** Connects to NATS, again whenever the connection breaks. */
export function connectSessions({ servers, stream, subject, replicas, logger }: SessionOptions): Sessions {
	const closing = new AbortController();
	const connecting = connectPatiently(connectionOptions(servers), logger, closing.signal);
	let connection: NatsConnection | null = null;
	let lost = new AbortController();
	let current: Promise<Session> | null = null;
	void watch();

	async function watch(): Promise<void> {
		connection = await connecting;
		for await (const status of connection?.status() ?? []) {
			if (status.type !== Events.Disconnect && status.type !== Events.Reconnect) continue;
			lost.abort();
			current = null;
			if (status.type === Events.Reconnect) lost = new AbortController();
		}
	}

	async function open(): Promise<Session> {
		await atMost(API_TIMEOUT_MS, connecting);
		const { signal } = lost;
		if (!connection || signal.aborted) throw new Error("NATS cannot be reached");
		const jsm = await connection.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false });
		const store = await ensureStream(jsm, stream, subject, replicas);
		return { js: jsm.jetstream(), jsm, store, lost: signal };
	}

	return {
		open,
		async use(work) {
			current ??= open();
			try {
				return await work(await current);
			} catch (error) {
				current = null;
				throw error;
			}
		},
		renew() {
			current = null;
		},
		async close() {
			closing.abort();
			await atMost(
				FLUSH_LIMIT_MS,
				connection?.flush().catch(() => {}),
			);
			await connection?.close();
		},
	};
}

/** Whether `error` is JetStream's answer with `code`. */
export function isApiError(error: unknown, code: number): boolean {
	return error instanceof NatsError && error.api_error?.err_code === code;
}

/** Makes the stream if it is not there; gives the time when it was made. */
async function ensureStream(jsm: JetStreamManager, name: string, subject: string, replicas: number): Promise<string> {
	const config = {
		name,
		num_replicas: replicas,
		subjects: [subject],
		storage: StorageType.File,
		retention: RetentionPolicy.Limits,
		// A full store refuses: the events stay in their outboxes. The other policy would drop unhandled ones.
		discard: DiscardPolicy.New,
		// Nothing goes by age alone: `forget` knows what has been handled.
		max_age: 0,
		duplicate_window: nanos(DUPLICATE_WINDOW_MS),
	};
	try {
		return (await jsm.streams.add(config)).created;
	} catch (error) {
		if (!isApiError(error, STREAM_NAME_IN_USE)) throw error;
		return (await jsm.streams.update(name, config)).created;
	}
}

/** A connection that then repairs itself for ever; null when `signal` aborts before there is one. */
async function connectPatiently(
	options: ConnectionOptions,
	logger: BusLogger,
	signal: AbortSignal,
): Promise<NatsConnection | null> {
	for (let failures = 0; !signal.aborted; failures++) {
		try {
			return await connect(options);
		} catch (error) {
			if (failures === 0) logger.warn("The event bus cannot connect to NATS yet", error);
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

/** Waits for `work`, but no longer than `ms`. */
async function atMost(ms: number, work: Promise<unknown> | undefined): Promise<void> {
	const over = new AbortController();
	await Promise.race([work, pause(ms, over.signal)]);
	over.abort();
}
