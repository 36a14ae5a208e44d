import { type Subscription, type Transport, wants } from "./transport.ts";

/** A consumer of this process; one that is away was here and is to come back. */
interface Member {
	readonly subscription: Subscription;
	readonly running: Set<Promise<void>>;
	away: boolean;
}

/**
 * The transport of a process that runs every service: `publish` itself calls the consumers, side by side, and resolves
 * when all have handled the events. It stores nothing, so an event stays in its outbox until then.
 */
export function inProcessTransport(): Transport {
	const members = new Map<string, Member>();

	return {
		async publish(events) {
			const deliveries = [...members.values()].map(async (member) => {
				const wanted = events.filter((event) => wants(member.subscription, event.type));
				if (wanted.length === 0) return;
				if (member.away) throw new Error(`consumer '${member.subscription.name}' is away`);
				const run = member.subscription.handle(wanted);
				member.running.add(run);
				await run.finally(() => member.running.delete(run));
			});
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
			const member: Member = { subscription, running: new Set(), away: false };
			members.set(subscription.name, member);
			return {
				places: [],
				// What has not been handled is in the outboxes.
				waiting: async () => 0,
				async stop() {
					member.away = true;
					await Promise.allSettled(member.running);
				},
			};
		},
		forget: async () => {},
		close: async () => {},
	};
}
