import type { Context } from "moleculer";
import type { InboxApi, OutboxApi } from "../../contracts/event-bus.ts";
import type { BusBacklog } from "../../contracts/events.ts";
import { refuse, refuseFields } from "../../lib/refuse.ts";
import { type CallArgs, callInternal } from "../../lib/service.ts";
import { CONSUMERS, type ConsumerName, TELLERS } from "../../lib/topology.ts";

type Caller = Pick<Context, "call">;

/** Whoever is slower to say how it stands is shown as silent. */
const BACKLOG_TIMEOUT_MS = 2_000;

/** Asks the inbox of the consumer `name`, wherever it runs. Refuses `VALIDATION_FAILED` for a name that none has. */
export function askInbox<A extends keyof InboxApi>(
	caller: Caller,
	name: string,
	action: A,
	...args: CallArgs<InboxApi[A]>
) {
	return callInternal<InboxApi, A>(caller, `${consumerOf(name)}.inbox`, action, ...args);
}

/** Asks the outbox of the service `name`. */
export function askOutbox<A extends keyof OutboxApi>(
	caller: Caller,
	name: string,
	action: A,
	...args: CallArgs<OutboxApi[A]>
) {
	return callInternal<OutboxApi, A>(caller, `${name}.outbox`, action, ...args);
}

/** `name` as that of a consumer that there is. */
export function consumerOf(name: string): ConsumerName {
	const consumer = CONSUMERS.find((candidate) => candidate === name);
	if (consumer) return consumer;
	const message = `consumer must be one of ${CONSUMERS.join(", ")}`;
	throw refuseFields([{ pointer: "/consumer", code: "NOT_ALLOWED", message }]);
}

/** How far behind every service is. */
export async function backlogOfAll(caller: Caller): Promise<BusBacklog> {
	const options = { timeout: BACKLOG_TIMEOUT_MS };
	const [outboxes, consumers] = await Promise.all([
		byName(TELLERS, (name) => askOutbox(caller, name, "backlog", undefined, options)),
		byName(CONSUMERS, async (name) => {
			const { places: _, ...backlog } = await askInbox(caller, name, "backlog", undefined, options);
			return backlog;
		}),
	]);
	return { outboxes, consumers };
}

/** What `ask` gives for each name, null where it gives an error. */
async function byName<T>(
	names: readonly string[],
	ask: (name: string) => Promise<T>,
): Promise<Readonly<Record<string, T | null>>> {
	const answers = await Promise.all(names.map(async (name) => [name, await ask(name).catch(() => null)] as const));
	return Object.fromEntries(answers);
}

/** The error for something that there is not. */
export function noDeadLetter(): Error {
	return refuse("NOT_FOUND", "There is no such dead letter");
}
