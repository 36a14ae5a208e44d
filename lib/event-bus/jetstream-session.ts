import {
	type ConnectionOptions,
	connect,
	type JetStreamClient,
	type JetStreamManager,
	type NatsConnection,
} from "nats";
import { ensureStream, type StreamOptions } from "./jetstream-stream.ts";
import { pause } from "./leader.ts";
import type { BusLogger } from "./transport.ts";

/** A connection whose stream was there a moment ago. */
export interface Session {
	readonly connection: NatsConnection;
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

interface SessionOptions extends StreamOptions {
	/** `nats://user:password@host:port`, more than one by commas. */
	readonly servers: string;
}

/** A connection, until it is lost. */
interface Link {
	readonly connection: NatsConnection;
	readonly lost: AbortSignal;
}

const API_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 250;
/** A server that answers no ping for 6 s is taken for dead. */
const PING_INTERVAL_MS = 3_000;
const MAX_PINGS_OUT = 2;
const FLUSH_LIMIT_MS = 2_000;

/**
 * Connects to NATS, again whenever the connection breaks. Each time by a new one: the client's own reconnection gives
 * up when it is refused twice, and would send what was published meanwhile before anybody has looked at the stream.
 */
export function connectSessions(options: SessionOptions): Sessions {
	const { servers, logger } = options;
	const closing = new AbortController();
	const connected = Promise.withResolvers<void>();
	let link: Link | null = null;
	let current: Promise<Session> | null = null;
	const running = stayConnected();

	async function stayConnected(): Promise<void> {
		for (;;) {
			const connection = await connectPatiently(connectionOptions(servers), logger, closing.signal);
			if (!connection) return;
			const lost = new AbortController();
			link = { connection, lost: lost.signal };
			connected.resolve();
			await connection.closed();
			link = null;
			current = null;
			lost.abort();
			await pause(RECONNECT_MS, closing.signal);
		}
	}

	async function open(): Promise<Session> {
		await atMost(API_TIMEOUT_MS, connected.promise);
		if (!link) throw new Error("NATS cannot be reached");
		const { connection, lost } = link;
		const jsm = await connection.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false });
		const store = await ensureStream(jsm, options);
		return { connection, js: jsm.jetstream(), jsm, store, lost };
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
				link?.connection.flush().catch(() => {}),
			);
			await link?.connection.close();
			await running;
		},
	};
}

/** A connection; null when `signal` aborts before there is one. */
async function connectPatiently(
	options: ConnectionOptions,
	logger: BusLogger,
	signal: AbortSignal,
): Promise<NatsConnection | null> {
	for (let failures = 0; !signal.aborted; failures++) {
		try {
			const connection = await connect(options);
			if (!signal.aborted) return connection;
			await connection.close();
		} catch (error) {
			if (failures === 0) logger.warn("The event bus cannot connect to NATS", error);
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
		reconnect: false,
		timeout: API_TIMEOUT_MS,
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
