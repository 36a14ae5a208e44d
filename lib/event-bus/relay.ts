import type { Db, Tx } from "../db.ts";
import { failpoint } from "../failpoint.ts";
import { LOCKS } from "../locks.ts";
import { type Floor, keepFloor, nextFloor, receiptToAsk, type Sight, sightFloor } from "./floor.ts";
import { pause, tryLock } from "./leader.ts";
import { type Batch, hasUnpublished, lastReceipt, markPublished, nextUnpublished, refill } from "./outbox.ts";
import { sourcesToldBy } from "./sources.ts";
import { type BusLogger, backoffMs, type Receipt, type Transport } from "./transport.ts";

interface RelayOptions {
	readonly db: Db;
	readonly source: string;
	readonly transport: Transport;
	/** The places that its events are for: nothing counts as handled by all before each of these has been there. */
	readonly audience: readonly string[];
	/** How often it is asked what all have handled. */
	readonly floorEveryMs?: number;
	readonly logger: BusLogger;
}

export interface Relay {
	/** Tells that events have been committed. */
	kick(): void;
	/** Publishes what is left, for a bounded time, and ends. */
	stop(): Promise<void>;
}

/** How soon events are seen that another process has committed or left behind. */
const POLL_MS = 200;
/** After a kick, what commits within this time shares the round. */
const LINGER_MS = 5;
/** After a round that took a ms, one that is kicked waits for four: under load each then carries more, at less cost. */
const REST_PER_WORK = 4;
const MAX_REST_MS = 40;
/** How soon it is noticed, while nothing is published, that the transport has lost what it had accepted. */
const RECEIPT_CHECK_MS = 5_000;
/** So much more than what is on its way is published again when the transport loses its store; each asks some ms. */
const FLOOR_EVERY_MS = 10_000;
const DRAIN_LIMIT_MS = 3_000;

/** Publishes the outbox of `source` until it is stopped. Every node of the service has a relay; they take turns. */
export function startRelay(options: RelayOptions): Relay {
	const { db, source, logger, floorEveryMs = FLOOR_EVERY_MS } = options;
	const stopping = new AbortController();
	let kicked = false;
	let rouse = () => {};
	let checkAt = 0;
	let floorAt = 0;
	let restUntil = 0;
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
		if (kicked) await pause(Math.max(LINGER_MS, restUntil - performance.now()), stopping.signal);
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
		const startedAt = performance.now();
		let more: boolean;
		do {
			const isFloorDue = performance.now() >= floorAt;
			if (isFloorDue) floorAt = performance.now() + floorEveryMs;
			more = await publishNext(options, isFloorDue);
			if (more && isFloorDue) floorAt = 0; // a round that leaves some behind could not tell
		} while (more && Date.now() < stopAt);
		const workMs = performance.now() - startedAt;
		restUntil = performance.now() + Math.min(REST_PER_WORK * workMs, MAX_REST_MS);
		checkAt = Date.now() + RECEIPT_CHECK_MS;
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

/**
 * One round: reads the next events, publishes and marks them; gives whether there may be more. An advisory lock that
 * ends with the transaction lets one node at a time have a round. A round that fails marks nothing and is repeated as
 * a whole, so events may repeat, but none overtakes an earlier one of its aggregate.
 */
function publishNext(options: RelayOptions, isFloorDue: boolean): Promise<boolean> {
	const { db, transport } = options;
	return db.transaction(async (tx) => {
		// Behind the lock in the same round trip: whoever had it before has committed what these then see. The floor's
		// sight comes before the events: what it takes for committed must be among them.
		const [locked, earlier, sight, batch] = await Promise.all([
			tryLock(tx, LOCKS.relay),
			lastReceipt(tx),
			isFloorDue ? sightFloor(tx) : null,
			nextUnpublished(tx),
		]);
		if (!locked) return false;
		const lost = async () => earlier !== null && !(await transport.holds(earlier));
		// Asked before, lest these events overtake those that were lost; and after, since this batch's receipt would
		// hide a loss that came between.
		if (await lost()) return publishAgain(tx, options);
		if (batch.entries.length === 0 && !sight) return false;
		const receipt = furthest(earlier, await publish(transport, batch));
		const floor = sight && receipt && !batch.more ? await askForFloor(options, sight, receipt) : null;
		if (await lost()) return publishAgain(tx, options);
		// No commit of the path of money: a mark that a crash of the server undoes is made again.
		tx.execute("SET LOCAL synchronous_commit = off");
		if (batch.entries.length > 0) markPublished(tx, batch.entries, receipt);
		if (floor) keepFloor(tx, floor);
		return batch.more;
	});
}

async function publish(transport: Transport, { entries, bytes }: Batch): Promise<Receipt | null> {
	if (entries.length === 0) return null;
	const receipt = await transport.publish(
		entries.map((entry) => entry.event),
		bytes,
	);
	failpoint("relay.after_publish");
	return receipt;
}

/** Events that are all repeats may have places before those of an earlier round. */
function furthest(earlier: Receipt | null, later: Receipt | null): Receipt | null {
	if (!later) return earlier;
	return earlier?.store === later.store && earlier.sequence > later.sequence ? earlier : later;
}

async function askForFloor(options: RelayOptions, sight: Sight, receipt: Receipt): Promise<Floor> {
	const sources = sourcesToldBy(options.source);
	const handled = await options.transport.handledUpTo(receiptToAsk(sight, receipt), sources);
	return nextFloor(sight, receipt, handled, options.audience);
}

async function publishAgain(tx: Tx, { source, audience, logger }: RelayOptions): Promise<true> {
	logger.warn(`The transport has lost events of '${source}': publishing again what not all have handled`);
	await refill(tx, audience);
	return true;
}
