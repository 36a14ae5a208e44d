import type { ChainFault } from "../../../contracts/audit.ts";
import { sha256 } from "../../../lib/kernel/sha256.ts";

/** What is to be recorded. `details` is the canonical JSON of an object. */
export interface Draft {
	readonly event_id: string;
	readonly time: string;
	readonly user_id: string | null;
	readonly action: string;
	readonly object: string;
	readonly ip: string | null;
	readonly result: string;
	readonly request_id: string;
	readonly data_hash: string | null;
	readonly details: string | null;
}

/** A place in the chain: a record's number and its hash. */
export interface Place {
	readonly seq: number;
	readonly hash: string;
}

export type Link = Draft & Place;

/** What the first record follows. */
export const GENESIS: Place = { seq: 0, hash: "0".repeat(64) };

/** `drafts` in their order, as they follow `head`. */
export function chained(head: Place, drafts: readonly Draft[]): Link[] {
	const links: Link[] = [];
	for (const draft of drafts) {
		const { seq: before, hash: previous } = links.at(-1) ?? head;
		const seq = before + 1;
		links.push({ ...draft, seq, hash: hashOf(previous, seq, draft) });
	}
	return links;
}

/** The hash of a record: over that of the record before it and all that the record says. */
export function hashOf(previous: string, seq: number, draft: Draft): string {
	return sha256(previous + canonicalRecord(seq, draft));
}

/** What keeps `link` from following `head`, or null. */
export function faultOf(head: Place, link: Link): Extract<ChainFault, "GAP" | "HASH_MISMATCH"> | null {
	if (link.seq !== head.seq + 1) return "GAP";
	return hashOf(head.hash, link.seq, link) === link.hash ? null : "HASH_MISMATCH";
}

/**
 * The canonical JSON (RFC 8785) of a record without its hash: members in the order of their names. `details` are
 * canonical already.
 */
function canonicalRecord(seq: number, draft: Draft): string {
	const { action, data_hash, details, event_id, ip, object, request_id, result, time, user_id } = draft;
	const before = JSON.stringify({ action, data_hash });
	const after = JSON.stringify({ event_id, ip, object, request_id, result, seq, time, user_id });
	return `${before.slice(0, -1)},"details":${details ?? "null"},${after.slice(1)}`;
}
