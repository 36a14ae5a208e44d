import type { AuditAnchor, ChainFault, ChainVerdict } from "../../contracts/audit.ts";
import type { Db } from "../../lib/db.ts";
import * as store from "./audit.store.ts";
import { faultOf, GENESIS, hashOf, type Link, type Place } from "./domain/chain.ts";
import { type Anchors, follow } from "./follow.ts";

interface Options {
	/** The anchors that the history tells of, in their order; the verification does without them when they fail. */
	readonly witness: AsyncIterable<AuditAnchor>;
	/** Called now and then with how many of `total` records have been found good. */
	onProgress?(checked: number, total: number): void;
	readonly signal?: AbortSignal;
}

type Reader = Pick<Db, "query">;
type Bad = ChainVerdict["first_bad"];

/** Some 10 ms of hashing at a time: what else the process serves goes on in between. */
const PAGE = 2_000;

/**
 * Checks the chain from its first record to the head that it has now, against its own anchors and against those of the
 * history. It ends at the first bad record. Its memory does not grow with the chain.
 */
export async function verifyChain(db: Reader, options: Options): Promise<ChainVerdict> {
	const ends = await store.readEnds(db);
	const own = await follow(ownAnchors(db));
	const witness = await follow(options.witness, { mayFail: true });
	const verdict = (last: Place, bad: Bad): ChainVerdict => ({
		ok: bad === null,
		records: last.seq,
		first_bad: bad,
		anchors: own.agreed(),
		witnessed: witness.failed() ? null : witness.agreed(),
	});

	let last = GENESIS;
	for await (const page of pagesOf(db, 0, ends.seq)) {
		for (const link of page) {
			let fault: ChainFault | null = faultOf(last, link);
			if (fault === "HASH_MISMATCH" && (await isElsewhere(db, last, link, ends.seq))) fault = "SWAPPED";
			if (!fault && own.next() <= link.seq && !(await own.agree(link))) fault = "ANCHOR_MISMATCH";
			if (!fault && witness.next() <= link.seq && !(await witness.agree(link))) fault = "WITNESS_MISMATCH";
			if (fault) return verdict(last, { seq: last.seq + 1, reason: fault });
			last = link;
		}
		options.onProgress?.(last.seq, ends.seq);
		options.signal?.throwIfAborted();
	}
	return verdict(last, faultAtEnd(ends, last, own) ?? (await faultBeyond(db, last, witness)));
}

/** What is wrong at the end of a chain whose records are good up to `last`. */
function faultAtEnd(ends: store.Ends, last: Place, own: Anchors): Bad {
	if (last.seq < ends.seq || ends.last_anchor > ends.seq) return { seq: last.seq + 1, reason: "MISSING_TAIL" };
	if (ends.last_record > ends.seq) return { seq: last.seq + 1, reason: "HEAD_MISMATCH" };
	if (last.hash !== ends.hash) return { seq: last.seq, reason: "HEAD_MISMATCH" };
	// There may be one more by now than there was.
	return own.agreed() < ends.anchors ? { seq: last.seq, reason: "ANCHOR_MISMATCH" } : null;
}

/** The history may tell of records that have come since; those that still are not there were taken away. */
async function faultBeyond(db: Reader, last: Place, witness: Anchors): Promise<Bad> {
	const told = await witness.last();
	if (told <= last.seq || told <= (await store.readEnds(db)).seq) return null;
	return { seq: last.seq + 1, reason: "MISSING_TAIL" };
}

/** Whether the record that belongs after `last`, where `bad` is, stands further on, or its content does. */
async function isElsewhere(db: Reader, last: Place, bad: Link, upTo: number): Promise<boolean> {
	for await (const page of pagesOf(db, bad.seq, upTo)) {
		const belongs = page.some((link) => [link.hash, bad.hash].includes(hashOf(last.hash, bad.seq, link)));
		if (belongs) return true;
	}
	return false;
}

/** The records after `after` up to `upTo`, a page at a time; the next one is read while one is looked at. */
async function* pagesOf(db: Reader, after: number, upTo: number): AsyncGenerator<readonly Link[]> {
	let reading = store.selectLinks(db, after, upTo, PAGE);
	for (;;) {
		const page = await reading;
		const last = page.at(-1);
		if (!last) return;
		reading = store.selectLinks(db, last.seq, upTo, PAGE);
		// Whoever stops at this page waits for no other.
		reading.catch(() => {});
		yield page;
	}
}

async function* ownAnchors(db: Reader): AsyncGenerator<Place> {
	for (let after = 0; ; ) {
		const page = await store.selectAnchors(db, after, PAGE);
		yield* page;
		const last = page.at(-1);
		if (!last) return;
		after = last.seq;
	}
}
