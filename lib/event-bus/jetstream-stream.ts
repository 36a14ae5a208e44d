import {
	type ConsumerInfo,
	DiscardPolicy,
	type JetStreamManager,
	NatsError,
	nanos,
	RetentionPolicy,
	StorageType,
} from "nats";
import type { BusLogger } from "./transport.ts";

export interface StreamOptions {
	readonly stream: string;
	/** What the stream takes. */
	readonly subject: string;
	/** How many servers keep it. */
	readonly replicas: number;
	readonly logger: BusLogger;
}

/** Covers a relay's repeats; the inbox drops those that come later. The server keeps such ids in memory. */
const DUPLICATE_WINDOW_MS = 30_000;

/** Error codes of JetStream's API. */
export const NO_MESSAGE_FOUND = 10_037;
const STREAM_NAME_IN_USE = 10_058;

/** Whether `error` is JetStream's answer with `code`. */
export function isApiError(error: unknown, code: number): boolean {
	return error instanceof NatsError && error.api_error?.err_code === code;
}

/**
 * Makes the stream if it is not there, and anew if it has lost its end; gives the time when it was made. What was in it
 * is published again by the relays, whose receipts are of another one.
 */
export async function ensureStream(jsm: JetStreamManager, options: StreamOptions): Promise<string> {
	const created = await addStream(jsm, options);
	const consumers = await allConsumers(jsm, options.stream);
	const { state } = await jsm.streams.info(options.stream);
	if (!hasLostItsEnd(consumers, state.last_seq)) return created;
	options.logger.warn(`The stream '${options.stream}' has lost its end and is made anew`);
	await jsm.streams.delete(options.stream);
	return addStream(jsm, options);
}

/**
 * Whether one of `consumers` has acknowledged what comes after `lastSequence`, the stream's last at a later moment. So
 * it is when the stream's machine has lost power: such a consumer would miss whatever takes the lost places.
 */
export function hasLostItsEnd(consumers: readonly ConsumerInfo[], lastSequence: number): boolean {
	return consumers.some((info) => floorOf(info) > lastSequence);
}

/** Up to which sequence the consumer has acknowledged all. The server says 0 until there is a first acknowledgement. */
export function floorOf({ ack_floor, config }: ConsumerInfo): number {
	return Math.max(ack_floor.stream_seq, (config.opt_start_seq ?? 1) - 1);
}

/** Every consumer of the stream. */
export async function allConsumers(jsm: JetStreamManager, stream: string): Promise<readonly ConsumerInfo[]> {
	const found: ConsumerInfo[] = [];
	for await (const info of jsm.consumers.list(stream)) found.push(info);
	return found;
}

/** The sequence of the first message under `subject` from `seq` on; infinite when there is none yet. */
export async function nextOf(jsm: JetStreamManager, stream: string, seq: number, subject: string): Promise<number> {
	const query = { seq, next_by_subj: subject };
	try {
		return (await jsm.streams.getMessage(stream, query)).seq;
	} catch (error) {
		if (!isApiError(error, NO_MESSAGE_FOUND)) throw error;
		return Number.POSITIVE_INFINITY;
	}
}

async function addStream(jsm: JetStreamManager, { stream, subject, replicas }: StreamOptions): Promise<string> {
	const config = {
		name: stream,
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
		return (await jsm.streams.update(stream, config)).created;
	}
}
