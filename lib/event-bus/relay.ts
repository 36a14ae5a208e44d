import type { Db, Tx } from "../db.ts";
import { pause, RELAY_LOCK, tryLock } from "./leader.ts";
import { hasUnpublished, lastReceipt, markPublished, nextUnpublished, refill } from "./outbox.ts";
import { type BusLogger, backoffMs, type Transport } from "./transport.ts";

interface RelayOptions {
	readonly db: Db;
	readonly source: string;
	readonly transport: Transport;
	readonly logger: BusLogger;
}

export interface Relay {
	/** Tells that events have been committed. */
	kick(): void;
	/** Publishes what is left, for a bounded time, and ends. */
	stop(): Promise<void>;
}

/** Large enough that a round's fixed costs do not matter, small enough that a failed one is cheap to repeat. */
const BATCH = 500;
/** How soon events are seen that another process has committed or left behind. */
const POLL_MS = 200;
/** After a kick, what commits within this time shares the round. */
const LINGER_MS = 5;
/** How soon it is noticed, while nothing is published, that the transport has lost what it had accepted. */
const RECEIPT_CHECK_MS = 5_000;
const DRAIN_LIMIT_MS = 3_000;

/**
 * Publishes the outbox of `source`, in rounds: read, publish, mark. An advisory lock that ends with the round's
 * transaction lets one node at a time have a round. What fails is published again, so events may repeat; an event never
 * overtakes an earlier one of its aggregate, since a round that fails marks nothing.
 */
export function startRelay({ db, source, transport, logger }: RelayOptions): Relay {
	const stopping = new AbortController();
	let kicked = false;
	let rouse = () => {};
	let checkAt = 0;
	let stopAt = Number.POSITIVE_INFINITY;
	const running = run();

	async function run(): Promise<void> {
		for (let failures = 0; !stopping.signal.aborted; ) {
			try {
				await nextOccasion();
				await drain();
				failures = 0;
			} catch (error) {
				failures += 1;
				if (failures === 1) logger.warn(`Events of '${source}' wait to be published`, error);
				await pause(backoffMs(failures), stopping.signal);
			}
		}
		await drain().catch(() => {}); // they stay in the outbox
	}

	/** Resolves when there may be something to publish, or the receipt is due to be checked. */
	async function nextOccasion(): Promise<void> {
		while (!kicked && !stopping.signal.aborted && Date.now() < checkAt && !(await hasUnpublished(db))) await idle();
		if (kicked) await pause(LINGER_MS, stopping.signal);
		kicked = false;
	}

	function idle(): Promise<void> {
		return new Promise((resolve) => {
			const timer = setTimeout(resolve, kicked ? 0 : POLL_MS);
			rouse = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}

	async function drain(): Promise<void> {
		while ((await round()) === BATCH && Date.now() < stopAt);
		checkAt = Date.now() + RECEIPT_CHECK_MS;
	}

	/** Publishes the next events; gives their number, or `BATCH` when those already published must go again. */
	function round(): Promise<number> {
		return db.transaction(async (tx) => {
			if (!(await tryLock(tx, RELAY_LOCK))) return 0;
			const earlier = await lastReceipt(tx);
			const lost = async () => earlier !== null && !(await transport.holds(earlier));
			// Before, lest these events overtake those that were lost; and after, since this batch's receipt would hide
			// a loss that came between.
			if (await lost()) return publishAgain(tx);
			const batch = await nextUnpublished(tx, source, BATCH);
			if (batch.length === 0) return 0;
			const receipt = await transport.publish(batch.map((entry) => entry.event));
			if (await lost()) return publishAgain(tx);
			await markPublished(tx, batch, receipt);
			return batch.length;
		});
	}

	async function publishAgain(tx: Tx): Promise<number> {
		logger.warn(`The transport has lost events of '${source}': publishing them again`);
		await refill(tx);
		return BATCH;
	}

	return {
		kick() {
			kicked = true;
			rouse();
		},
		async stop() {
			stopAt = Date.now() + DRAIN_LIMIT_MS;
			stopping.abort();
			rouse();
			await running;
		},
	};
}
