import type { ServiceBroker } from "moleculer";
import { lead, pause } from "../../lib/event-bus/leader.ts";
import type { Database } from "../../mixins/database.mixin.ts";

/** Work that one node of the service at a time does in the background. */
export interface Worker {
	stop(): Promise<void>;
}

type Host = Database & { readonly broker: ServiceBroker };

/** Runs `round` again and again, `everyMs` after the one before, while this node has `lock`. */
export function startWorker(
	host: Host,
	lock: number,
	everyMs: number,
	round: (signal: AbortSignal) => Promise<void>,
): Worker {
	const stopping = new AbortController();
	const running = lead(host.db, lock, work, stopping.signal);

	async function work(signal: AbortSignal): Promise<void> {
		for (let failures = 0; !signal.aborted; await pause(everyMs, signal)) {
			try {
				await round(signal);
				failures = 0;
			} catch (error) {
				failures += 1;
				if (failures === 1) host.broker.logger.warn("work of the event bus has to wait", error);
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
