import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager, nanos } from "nats";
import { allConsumers, floorOf, nextOf } from "./jetstream-stream.ts";

interface RewindOptions {
	readonly stream: string;
	/** The name of the server's durable consumer, and the subjects it gets. */
	readonly durable: string;
	readonly filter: string;
	/** What is handled of that, and what comes before a type in its subject. */
	readonly types: readonly string[];
	readonly prefix: string;
	readonly maxUnacknowledged: number;
}

/** An acknowledgement that got lost costs a repeat after this time. */
const ACK_WAIT_MS = 30_000;
/** So long a place is kept whose node has died while it was made anew; then the stream is begun again. */
const BOOKMARK_MS = 7 * 24 * 3_600_000;

/**
 * Makes the consumer anew from its first unacknowledged event. That takes back what a node that is gone or stopped was
 * given, at once instead of after `ACK_WAIT_MS`, and ends such a node's requests. A bookmark keeps the place while the
 * consumer is not there.
 */
export async function rewind(jsm: JetStreamManager, options: RewindOptions): Promise<void> {
	const { stream, durable, filter, types, maxUnacknowledged } = options;
	const bookmark = `${durable}-bookmark`;
	const found = new Map((await allConsumers(jsm, stream)).map((info) => [info.name, info]));
	const [before, marked] = [found.get(durable), found.get(bookmark)];
	if (before) {
		// One that is left from an earlier time says less than the consumer itself.
		if (marked) await jsm.consumers.delete(stream, bookmark);
		await jsm.consumers.add(stream, {
			name: bookmark,
			...(before.config.description && { description: before.config.description }),
			ack_policy: AckPolicy.None,
			inactive_threshold: nanos(BOOKMARK_MS),
			...startAt(floorOf(before) + 1),
		});
		await jsm.consumers.delete(stream, durable);
	}
	const last = before ?? marked;
	await jsm.consumers.add(stream, {
		durable_name: durable,
		description: types.join(" "),
		filter_subject: filter,
		// Each by itself: for a moment two nodes may pull, and one must not acknowledge what the other was given.
		ack_policy: AckPolicy.Explicit,
		ack_wait: nanos(ACK_WAIT_MS),
		max_ack_pending: maxUnacknowledged,
		max_deliver: -1,
		...(last ? startAt(await firstToHandle(jsm, options, last)) : { deliver_policy: DeliverPolicy.All }),
	});
	if (last) await jsm.consumers.delete(stream, bookmark);
}

/**
 * The first event that was not acknowledged, or that the node which was here last took for one to drop: it may have
 * been of an older version, without a handler for it. The description names what is handled.
 */
async function firstToHandle(jsm: JetStreamManager, { stream, types, prefix }: RewindOptions, last: ConsumerInfo) {
	const known = last.config.description?.split(" ") ?? types;
	const news = types.filter((type) => !known.includes(type));
	const firsts = await Promise.all(news.map((type) => nextOf(jsm, stream, 1, prefix + type)));
	return Math.min(floorOf(last) + 1, ...firsts);
}

function startAt(sequence: number) {
	return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence };
}
