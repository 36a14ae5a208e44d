import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager, nanos } from "nats";
import { allConsumers, floorOf, hasLostItsEnd, nextOf } from "./jetstream-stream.ts";
import type { Receipt } from "./transport.ts";

/** The server forgets a consumer that only asks a question by itself. */
const QUESTION_MS = 10_000;

/** How many messages of `stream` the durable consumers `places` have not acknowledged. */
export async function waitingFor(jsm: JetStreamManager, stream: string, places: readonly string[]): Promise<number> {
	const found = await consumersOf(jsm, stream);
	return places.reduce((sum, place) => {
		const info = found.get(place);
		return sum + (info ? info.num_pending + info.num_ack_pending : 0);
	}, 0);
}

/**
 * Of each durable consumer of `stream` whose subject `concerns` us, whether it has acknowledged all that it gets up to
 * the receipt's sequence. Its floor is not moved by messages for others, and what the server counts as pending may lag
 * behind what it has accepted. So it is asked for the next message behind the floor. Null when the stream is not what
 * it was: then the numbers mean something else.
 */
export async function handledUpTo(
	jsm: JetStreamManager,
	stream: string,
	{ store, sequence }: Receipt,
	concerns: (subject: string) => boolean,
): Promise<ReadonlyMap<string, boolean> | null> {
	const found = await consumersOf(jsm, stream);
	const answers = [...found].map(async ([place, info]) => {
		const { filter_subject = ">" } = info.config;
		if (!concerns(filter_subject)) return [];
		const floor = floorOf(info);
		const handled = floor >= sequence || (await nextOf(jsm, stream, floor + 1, filter_subject)) > sequence;
		return [[place, handled] as const];
	});
	const handled = new Map((await Promise.all(answers)).flat());
	const { created, state } = await jsm.streams.info(stream);
	return created === store && !hasLostItsEnd([...found.values()], state.last_seq) ? handled : null;
}

/**
 * Purges what every consumer of the stream has acknowledged, and is older than `ageMs` while there are no more than
 * `bytes`. `places` are those that must be there: one that is missing is being made anew, and nobody knows how far it
 * has come.
 */
export async function forgetHandled(
	jsm: JetStreamManager,
	stream: string,
	{ ageMs, bytes }: { readonly ageMs: number; readonly bytes: number },
	places: readonly string[],
): Promise<void> {
	const { state } = await jsm.streams.info(stream);
	const firstNew = state.last_seq + 1;
	const firstYoung = state.bytes > bytes ? firstNew : await firstSince(jsm, stream, new Date(Date.now() - ageMs));
	const found = await consumersOf(jsm, stream);
	if (found.size === 0 || places.some((place) => !found.has(place))) return;
	const firstKept = Math.min(firstNew, firstYoung, ...(await firstUnhandled(jsm, stream, [...found.values()])));
	// The server takes a purge up to the very first message for one of everything.
	if (firstKept > 1) await jsm.streams.purge(stream, { seq: firstKept });
}

/** The first message that each consumer has yet to acknowledge: a floor is not moved by messages for others. */
function firstUnhandled(jsm: JetStreamManager, stream: string, consumers: readonly ConsumerInfo[]): Promise<number[]> {
	return Promise.all(
		consumers.map((info) => nextOf(jsm, stream, floorOf(info) + 1, info.config.filter_subject ?? ">")),
	);
}

async function consumersOf(jsm: JetStreamManager, stream: string): Promise<Map<string, ConsumerInfo>> {
	const durables = (await allConsumers(jsm, stream)).filter(({ config }) => config.durable_name);
	return new Map(durables.map((info) => [info.name, info]));
}

/** The sequence of the first message from `time` on, or the next one to come. */
async function firstSince(jsm: JetStreamManager, stream: string, time: Date): Promise<number> {
	const question = await jsm.consumers.add(stream, {
		ack_policy: AckPolicy.None,
		deliver_policy: DeliverPolicy.StartTime,
		opt_start_time: time.toISOString(),
		inactive_threshold: nanos(QUESTION_MS),
	});
	await jsm.consumers.delete(stream, question.name);
	return question.delivered.stream_seq + 1;
}
