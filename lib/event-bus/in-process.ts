import type { Envelope } from "../../contracts/events.ts";
import { MAX_BYTES, MAX_EVENTS } from "./bounds.ts";
import { pause } from "./leader.ts";
import { type Subscription, type Transport, wants } from "./transport.ts";

/** A consumer of this process; one that is away was here and is to come back. */
interface Member {
	readonly subscription: Subscription;
	/** What has been published to it and not been taken yet. */
	readonly parcels: Parcel[];
	/** Its turns, while any parcel is there. */
	turns: Promise<void> | null;
	away: boolean;
}

/** Events that were published together. */
interface Parcel {
	readonly events: readonly Envelope[];
	readonly bytes: number;
	resolve(): void;
	reject(error: unknown): void;
}

/** A consumer that takes longer is not waited for by the next. */
const PATIENCE_MS = 10;

/**
 * The transport of a process that runs every service: `publish` itself calls the consumers and resolves when all have
 * handled the events. They take turns, each with all that waits for it: all at once would take the processors from the
 * orders. It stores nothing, so an event stays in its outbox until then.
 */
export function inProcessTransport(): Transport {
	const members = new Map<string, Member>();
	const inTurn = oneAtATime(PATIENCE_MS);

	async function deliver(member: Member, events: readonly Envelope[], bytes: number): Promise<void> {
		const wanted = events.filter((event) => wants(member.subscription, event.type));
		if (wanted.length === 0) return;
		if (member.away) throw new Error(`consumer '${member.subscription.name}' is away`);
		await new Promise<void>((resolve, reject) => {
			member.parcels.push({ events: wanted, bytes, resolve, reject });
			member.turns ??= takeTurns(member);
		});
	}

	async function takeTurns(member: Member): Promise<void> {
		const work = () => handleWaiting(member);
		while (member.parcels.length > 0) await (isBehind(member) ? work() : inTurn(work));
		member.turns = null;
	}

	return {
		async publish(events, bytes = 0) {
			const deliveries = [...members.values()].map((member) => deliver(member, events, bytes));
			// All are awaited, so that a consumer that fails keeps the others from nothing.
			const failed = (await Promise.allSettled(deliveries)).find((result) => result.status === "rejected");
			if (failed) throw failed.reason;
			return null;
		},
		// A receipt is of another transport, which has gone with whatever it still had to deliver.
		holds: async () => false,
		handledUpTo: async () => new Map(),
		consume(subscription) {
			if (members.get(subscription.name)?.away === false) throw new Error(`'${subscription.name}' already consumes`);
			const member: Member = { subscription, parcels: [], turns: null, away: false };
			members.set(subscription.name, member);
			return {
				places: [],
				// What has not been handled is in the outboxes.
				waiting: async () => 0,
				async stop() {
					member.away = true;
					await member.turns;
				},
			};
		},
		forget: async () => {},
		close: async () => {},
	};
}

/** A consumer with as much before it as a turn takes waits for no turn. */
function isBehind({ parcels }: Member): boolean {
	return parcels.reduce((sum, { events }) => sum + events.length, 0) >= MAX_EVENTS;
}

/** Hands over what waits for `member`; what fails together is published again by each of its publishers. */
async function handleWaiting({ subscription, parcels }: Member): Promise<void> {
	const together = parcels.splice(0, parcelsOfTurn(parcels));
	try {
		await subscription.handle(together.flatMap(({ events }) => events));
		for (const { resolve } of together) resolve();
	} catch (error) {
		for (const { reject } of together) reject(error);
	}
}

/** How many of `parcels` a turn takes: one at least, however large it is. */
function parcelsOfTurn(parcels: readonly Parcel[]): number {
	let [count, events, bytes] = [0, 0, 0];
	for (const parcel of parcels) {
		events += parcel.events.length;
		bytes += parcel.bytes;
		if (count > 0 && (events > MAX_EVENTS || bytes > MAX_BYTES)) break;
		count += 1;
	}
	return count;
}

/** Runs works, which must not reject, one after the other; one that takes longer than `patienceMs` is overtaken. */
function oneAtATime(patienceMs: number): (work: () => Promise<void>) => Promise<void> {
	let free: Promise<unknown> = Promise.resolve();
	return (work) => {
		const run = free.then(work);
		free = free.then(async () => {
			const over = new AbortController();
			await Promise.race([run, pause(patienceMs, over.signal)]);
			over.abort();
		});
		return run;
	};
}
