import type { Place } from "./domain/chain.ts";

/** Anchors of one source, held against the chain as it is walked along. */
export interface Anchors {
	/** Where the next one is; beyond every record when there is none. */
	next(): number;
	/** Whether those that are due agree with the record at this place. */
	agree(place: Place): Promise<boolean>;
	/** How many have agreed. */
	agreed(): number;
	/** Where the last one of all is; 0 when there is none. */
	last(): Promise<number>;
	/** Whether the source has failed: there may have been more. */
	failed(): boolean;
}

/** Follows the anchors of `source`, which come in the order of the chain. */
export async function follow(source: AsyncIterable<Place>, { mayFail = false } = {}): Promise<Anchors> {
	const anchors = source[Symbol.asyncIterator]();
	let next: Place | null = null;
	let lastSeq = 0;
	let agreed = 0;
	let failed = false;
	await step();

	async function step(): Promise<void> {
		try {
			const { done, value } = await anchors.next();
			next = done ? null : value;
			if (next) lastSeq = next.seq;
		} catch (error) {
			if (!mayFail) throw error;
			failed = true;
			next = null;
		}
	}

	return {
		next: () => next?.seq ?? Number.POSITIVE_INFINITY,
		async agree(place) {
			while (next && next.seq <= place.seq) {
				if (next.seq !== place.seq || next.hash !== place.hash) return false;
				agreed += 1;
				await step();
			}
			return true;
		},
		agreed: () => agreed,
		async last() {
			while (next) await step();
			return lastSeq;
		},
		failed: () => failed,
	};
}
