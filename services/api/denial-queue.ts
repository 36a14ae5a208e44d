import { setTimeout as delay } from "node:timers/promises";
import { Errors, type Logger } from "moleculer";
import type { SecurityRecord } from "../../contracts/audit.ts";
import { MAX_RECORDS_AT_ONCE } from "../../lib/audit.ts";
import { DENIALS_DRAIN_MS, DENIALS_RETRY_MS, MAX_WAITING_DENIALS } from "./limits.ts";

/** Denials on their way to the audit. */
export interface DenialQueue {
	/** Takes a denial and returns at once: no answer waits for it. One that finds the queue full is dropped. */
	add(record: SecurityRecord): void;
	/** Resolves when all are recorded, or after a grace. */
	drain(): Promise<void>;
}

interface Options {
	/** Records denials; it may be repeated. */
	send(records: readonly SecurityRecord[]): Promise<unknown>;
	readonly logger: Pick<Logger, "warn" | "error">;
}

/** Sends denials in batches, one after the other, and again while the audit is away. */
export function openDenialQueue({ send, logger }: Options): DenialQueue {
	let waiting: SecurityRecord[] = [];
	let dropped = 0;
	let sending: Promise<void> | null = null;
	let giveUpAt = Number.POSITIVE_INFINITY;

	async function sendAll(): Promise<void> {
		let reachable = true;
		while (waiting.length > 0 && Date.now() < giveUpAt) {
			const batch = waiting.slice(0, MAX_RECORDS_AT_ONCE);
			const error = await send(batch).then(
				() => null,
				(reason: unknown) => reason,
			);
			if (error === null || isRefused(error)) {
				waiting = waiting.slice(batch.length);
				if (error !== null) drop(batch.length, error);
			} else {
				if (reachable) logger.warn("Denials wait to be recorded", error);
				await delay(DENIALS_RETRY_MS);
			}
			reachable = error === null;
		}
		if (waiting.length > 0) drop(waiting.splice(0).length);
		if (dropped > 0) logger.error(`${dropped} denials were not recorded in all`);
		dropped = 0;
		sending = null;
	}

	/** Told at once when it begins, and how many it were when it is over. */
	function drop(count: number, reason: unknown = "too many wait"): void {
		if (dropped === 0) logger.error("Denials are not recorded", reason);
		dropped += count;
	}

	return {
		add(record) {
			if (waiting.length >= MAX_WAITING_DENIALS) return drop(1);
			waiting.push(record);
			sending ??= sendAll();
		},
		async drain() {
			giveUpAt = Date.now() + DENIALS_DRAIN_MS;
			await sending;
		},
	};
}

/** Whether there is something wrong with the records themselves: they would be refused for ever. */
function isRefused(error: unknown): boolean {
	return error instanceof Errors.MoleculerClientError;
}
