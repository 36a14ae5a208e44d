import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager, nanos } from "nats";
import { allConsumers, floorOf } from "./jetstream-stream.ts";

interface RewindOptions {
	readonly stream: string;
	/** The name of the server's durable consumer, and the subjects it gets. */
	readonly durable: string;
	readonly filter: string;
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
	const { stream, durable, filter, maxUnacknowledged } = options;
	const bookmark = `${durable}-bookmark`;
	const found = new Map((await allConsumers(jsm, stream)).map((info) => [info.name, info]));
	const [before, marked] = [found.get(durable), found.get(bookmark)];
	const from = startOf(before, marked);
	if (before) {
		// One that is left from an earlier time says less than the consumer itself.
		if (marked) await jsm.consumers.delete(stream, bookmark);
		await jsm.consumers.add(stream, {
			name: bookmark,
			ack_policy: AckPolicy.None,
			inactive_threshold: nanos(BOOKMARK_MS),
			...from,
		});
		await jsm.consumers.delete(stream, durable);
	}
	await jsm.consumers.add(stream, {
		durable_name: durable,
		filter_subject: filter,
		// Each by itself: for a moment two nodes may pull, and one must not acknowledge what the other was given.
		ack_policy: AckPolicy.Explicit,
		ack_wait: nanos(ACK_WAIT_MS),
		max_ack_pending: maxUnacknowledged,
		max_deliver: -1,
		...from,
	});
	if (before || marked) await jsm.consumers.delete(stream, bookmark);
}

/** Where to go on. */
function startOf(before: ConsumerInfo | undefined, marked: ConsumerInfo | undefined) {
	const last = before ?? marked;
	return last
		? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: floorOf(last) + 1 }
		: { deliver_policy: DeliverPolicy.All };
}
