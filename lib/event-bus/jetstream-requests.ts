import { createInbox, type Msg, type MsgHdrs, type NatsConnection, nanos } from "nats";
import { MAX_BYTES, MAX_EVENTS } from "./bounds.ts";

/** The messages of a durable consumer, as many as may be held. */
export interface Requests {
	/**
	 * What has arrived, in order, and at least one; none when the signal aborts. What comes next is asked for meanwhile.
	 * Rejects when the consumer or the connection is lost.
	 */
	next(): Promise<readonly Msg[]>;
	close(): void;
}

/** A request that is not fulfilled ends after this time. */
const EXPIRES_MS = 4_000;
/** The server says so when it does; if it does not, the consumer has vanished. */
const OVERDUE_MS = EXPIRES_MS + 2_000;
const OVER = ["request timeout", "message size exceeds maxbytes", "batch completed"];

/**
 * Requests the messages of `durable`, one request after the other, until `signal` aborts. Not by the client's own
 * `consume`: it bounds either their number or their bytes, and asks for more however many are not handled yet.
 */
export function requestMessages(
	connection: NatsConnection,
	stream: string,
	durable: string,
	signal: AbortSignal,
): Requests {
	const inbox = createInbox();
	let arrived: Msg[] = [];
	let requests = 0;
	/** How many messages the request under way may still bring. */
	let left = 0;
	let overdue: NodeJS.Timeout | undefined;
	let ended: Error | null = null;
	let wake = () => {};

	const subscription = connection.subscribe(`${inbox}.*`, {
		callback(error, message) {
			if (error) end(error);
			else if (!message.subject.startsWith(inbox)) take(message);
			else if (message.subject === `${inbox}.${requests}`) heed(message.headers);
			wake();
		},
	});
	const onAbort = () => wake();
	signal.addEventListener("abort", onAbort, { once: true });

	function take(message: Msg): void {
		arrived.push(message);
		left -= 1;
		if (left === 0) clearTimeout(overdue);
	}

	/** What the server says of the request under way, without a message. */
	function heed(headers: MsgHdrs | undefined): void {
		const description = headers?.description ?? "";
		left = 0;
		clearTimeout(overdue);
		if (!OVER.includes(description.toLowerCase())) end(new Error(`${headers?.code} ${description}`));
	}

	function end(reason: Error): void {
		ended ??= reason;
		wake();
	}

	function request(): void {
		if (left > 0) return;
		left = MAX_EVENTS;
		requests += 1;
		const bounds = { batch: MAX_EVENTS, max_bytes: MAX_BYTES, expires: nanos(EXPIRES_MS) };
		const reply = `${inbox}.${requests}`;
		connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, JSON.stringify(bounds), { reply });
		overdue = setTimeout(() => end(new Error("the consumer does not answer")), OVERDUE_MS);
	}

	return {
		async next() {
			while (arrived.length === 0 && !ended && !signal.aborted) {
				request();
				await new Promise<void>((resolve) => (wake = resolve));
			}
			if (ended) throw ended;
			const batch = signal.aborted ? [] : arrived;
			arrived = [];
			if (batch.length > 0) request();
			return batch;
		},
		close() {
			clearTimeout(overdue);
			signal.removeEventListener("abort", onAbort);
			subscription.unsubscribe();
		},
	};
}
