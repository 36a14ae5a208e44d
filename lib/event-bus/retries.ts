import type { Tx } from "../db.ts";
import { LOCKS } from "../locks.ts";
import { MAX_EVENTS } from "./bounds.ts";
import type { Handling } from "./consumer.ts";
import { dueAggregates, type KeptDelivery, postpone, readDue, settle } from "./deliveries.ts";
import { isTemporary, PATIENCE_MS, tooEarly } from "./failures.ts";
import { pause, tryLock } from "./leader.ts";
import { backoffMs } from "./transport.ts";

const POLL_MS = 200;
const MAX_AGGREGATES_PER_POLL = 100;

/** Tries the events that were set aside again, as they are due. */
export function startRetries(handling: Handling): { stop(): Promise<void> } {
	const stopping = new AbortController();
	const running = run();

	async function run(): Promise<void> {
		let more = false;
		for (let failures = 0; !stopping.signal.aborted; ) {
			if (!more) await pause(failures === 0 ? POLL_MS : backoffMs(failures), stopping.signal);
			more = false;
			try {
				for (const aggregateId of await dueAggregates(handling.db, MAX_AGGREGATES_PER_POLL)) {
					if (!stopping.signal.aborted && (await retry(handling, aggregateId, MAX_EVENTS))) more = true;
				}
				failures = 0;
			} catch (error) {
				more = false;
				failures += 1;
				if (failures === 1) handling.logger.warn(`'${handling.name}' cannot try its waiting events`, error);
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

/**
 * Tries the first waiting events of an aggregate, on one node at a time: `limit` together, or else half as many, down
 * to the first alone. Gives whether as many were handled, so that more may wait.
 */
async function retry(handling: Handling, aggregateId: string, limit: number): Promise<boolean> {
	let chain: readonly KeptDelivery[] = [];
	try {
		await handling.db.transaction(async (tx) => {
			chain = (await tryLock(tx, LOCKS.retry)) ? await readDue(tx, aggregateId, limit) : [];
			const events = chain.map((kept) => kept.event);
			await expectPredecessors(handling, tx, chain);
			await handling.run(tx, events);
			settle(tx, chain);
		});
		return chain.length === limit;
	} catch (error) {
		const [head] = chain;
		if (!head || isTemporary(error)) throw error;
		if (chain.length > 1) return retry(handling, aggregateId, chain.length >> 1);
		const fate = handling.fail(head.event, error, head.attempts, head.ageMs);
		await handling.db.transaction((tx) => postpone(tx, head, fate));
		return false;
	}
}

/** Rejects while an event has yet to come that was told before these; for a minute, for it may never come. */
async function expectPredecessors({ predecessors }: Handling, tx: Tx, chain: readonly KeptDelivery[]): Promise<void> {
	const young = chain.filter(({ ageMs }) => ageMs < PATIENCE_MS).map(({ event }) => event);
	const missed = await predecessors?.missed(tx, young);
	if (missed && missed.size > 0) throw tooEarly("An event of its aggregate before it has yet to come");
}
