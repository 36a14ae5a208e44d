import type { ServiceBroker } from "moleculer";
import { lead, pause } from "../../lib/event-bus/leader.ts";
import type { Database } from "../../mixins/database.mixin.ts";

/** Something to do again and again, `everyMs` after the time before. */
interface Chore {
	readonly everyMs: number;
	run(signal: AbortSignal): Promise<void>;
}

/** Work that goes on behind the requests. */
export interface Background {
	stop(): Promise<void>;
}

/** Does the chores, side by side, on one node at a time: the one that has `lock`. */
export function startBackground(
	{ db, broker }: Database & { readonly broker: ServiceBroker },
	lock: number,
	chores: readonly Chore[],
): Background {
	const stopping = new AbortController();
	const running = lead(
		db,
		lock,
		async (signal) => {
			await Promise.all(chores.map((chore) => repeat(chore, signal)));
		},
		stopping.signal,
	);

	async function repeat({ everyMs, run }: Chore, signal: AbortSignal): Promise<void> {
		// Not at once: the others may be starting, too.
		await pause(everyMs, signal);
		for (let failures = 0; !signal.aborted; await pause(everyMs, signal)) {
			try {
				await run(signal);
				failures = 0;
			} catch (error) {
				failures += 1;
				if (failures === 1) broker.logger.warn("work behind the requests has to wait", error);
			}
		}
	}

	return {
		async stop() {
			stopping.abort();
			await running;
		},
	};
}
