import type { Span } from "@opentelemetry/api";
import { refuse } from "./refuse.ts";
import { activeSpan, within } from "./tracing/context.ts";

interface BatchOptions<Item, Result> {
	/** The most items one run gets. */
	readonly maxBatch: number;
	/** The most items that may wait; beyond them `CAPACITY_EXCEEDED`. */
	readonly maxQueue: number;
	/** Gives one result per item, in their order: a value, or the Error that item alone is refused with. */
	run(items: readonly Item[]): Promise<readonly (Result | Error)[]>;
}

/**
 * A run of so many items shows that many more are on their way: the next one lets them come together. At half the load
 * that the system bears runs are smaller, and there latency counts for more than the cost of a commit.
 */
const BUSY_BATCH = 8;
/** It then waits half as long as the run before it took, and no longer than this. */
const REST_PER_WORK = 0.5;
const MAX_REST_MS = 10;

interface Waiting<Item, Result> {
	readonly item: Item;
	/** What it is part of, where that is traced. */
	readonly span: Span | undefined;
	resolve(result: Result): void;
	reject(error: unknown): void;
}

export interface Batcher<Item, Result> {
	add(item: Item): Promise<Result>;
	/** Resolves when nothing waits or runs any more. */
	drained(): Promise<void>;
}

/**
 * Group commit: one run at a time, and whatever arrives while it lasts goes together into the next. An idle batcher
 * runs an item at once, so grouping costs no latency; under load one COMMIT serves many, and a busy one rests between
 * runs so that it serves more.
 */
export function batcher<Item, Result>(options: BatchOptions<Item, Result>): Batcher<Item, Result> {
	let waiting: Waiting<Item, Result>[] = [];
	let loop: Promise<void> | null = null;

	async function runBatches(): Promise<void> {
		while (waiting.length > 0) {
			const batch = waiting.slice(0, options.maxBatch);
			waiting = waiting.slice(batch.length);
			const startedAt = performance.now();
			await settle(batch);
			if (batch.length >= BUSY_BATCH) await rest(performance.now() - startedAt);
		}
		loop = null;
	}

	function rest(workedMs: number): Promise<void> {
		return new Promise((done) => setTimeout(done, Math.min(REST_PER_WORK * workedMs, MAX_REST_MS)));
	}

	async function settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
		try {
			// The run is part of whatever its first traced item is: the loop itself was begun by another.
			const span = batch.find((entry) => entry.span)?.span;
			const results = await within(span, () => options.run(batch.map((entry) => entry.item)));
			if (results.length !== batch.length) throw new Error("a batch must give one result per item");
			batch.forEach((entry, i) => {
				const result = results[i] as Result | Error;
				if (result instanceof Error) entry.reject(result);
				else entry.resolve(result);
			});
		} catch (error) {
			for (const entry of batch) entry.reject(error);
		}
	}

	return {
		add(item) {
			if (waiting.length >= options.maxQueue) return Promise.reject(refuse("CAPACITY_EXCEEDED"));
			return new Promise((resolve, reject) => {
				waiting.push({ item, span: activeSpan(), resolve, reject });
				// The start waits a turn of the event loop, so that calls of one turn share the first run.
				loop ??= new Promise<void>((done) => setImmediate(() => void runBatches().then(done)));
			});
		},
		async drained() {
			while (loop) await loop;
		},
	};
}
