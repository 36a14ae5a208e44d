import type { Page, PageQuery, Timestamp } from "./common.ts";

/** One line of the audit, numbered from 1 without a gap. How `hash` is made: docs/audit.md. */
export interface AuditRecord {
	readonly seq: number;
	/** That of the event, where the record is of one. */
	readonly event_id: string;
	readonly time: Timestamp;
	/** Null when the cluster itself acted, or when it is not known who it was. */
	readonly user_id: string | null;
	/** The event's type, or the action that was asked for. */
	readonly action: string;
	/** The event's aggregate, or the address that was asked for. */
	readonly object: string;
	readonly ip: string | null;
	/** `ok`, or the code of why not. */
	readonly result: string;
	readonly request_id: string;
	/** The SHA-256 of the event's data as the history has it; null when the record is of no event. */
	readonly data_hash: string | null;
	readonly details: Readonly<Record<string, unknown>> | null;
	readonly hash: string;
}

/** Something that happened and is no event: nothing has changed, but the audit must know. */
export type SecurityRecord = Omit<AuditRecord, "seq" | "data_hash" | "hash">;

/** Which records: those that agree with every member, from `since` until before `until`. */
export interface AuditFilter {
	readonly user_id?: string;
	readonly action?: string;
	readonly object?: string;
	readonly result?: string;
	readonly request_id?: string;
	readonly since?: Timestamp;
	readonly until?: Timestamp;
}

/**
 * What is wrong with a chain: a record's hash does not fit it, is where another belongs, or is not there; those at the
 * end are gone, the head tells of another end; an anchor, in the audit's own table or in the history, tells of another
 * record.
 */
export type ChainFault =
	| "HASH_MISMATCH"
	| "SWAPPED"
	| "GAP"
	| "MISSING_TAIL"
	| "HEAD_MISMATCH"
	| "ANCHOR_MISMATCH"
	| "WITNESS_MISMATCH";

/** What a verification found. The first bad record ends it. */
export interface ChainVerdict {
	readonly ok: boolean;
	/** How many records are good, from the first on. */
	readonly records: number;
	readonly first_bad: { readonly seq: number; readonly reason: ChainFault } | null;
	/** How many anchors of the audit's own table agree with the chain. */
	readonly anchors: number;
	/** How many anchors that the history tells of agree with the chain; null when the history could not be read. */
	readonly witnessed: number | null;
}

export type Verification =
	| { readonly status: "running"; readonly started_at: Timestamp; readonly checked: number; readonly total: number }
	| (ChainVerdict & { readonly status: "finished"; readonly started_at: Timestamp; readonly took_ms: number });

export type ExportFormat = "csv" | "ndjson";

/** A piece of an export, as text; the next one follows `next_cursor`. */
export interface ExportPage {
	readonly text: string;
	readonly next_cursor: string | null;
}

export interface AuditApi {
	/** Newest first. */
	query(params: PageQuery & AuditFilter): Page<AuditRecord>;
	/** The result when it is there in time, else how far the verification has come: it goes on, to be asked for again. */
	verify(): Verification;
	/** Oldest first, up to the newest record at the time of the first page. */
	export(params: AuditFilter & { readonly format?: ExportFormat; readonly cursor?: string }): ExportPage;
	/** For gateways. A record is kept once, by its `event_id`. */
	record(params: { readonly records: readonly SecurityRecord[] }): { readonly recorded: true };
}

/** The chain up to `seq` ends with `hash`. */
export interface AuditAnchor {
	readonly seq: number;
	readonly hash: string;
}

export interface AuditEvents {
	"audit.anchored": AuditAnchor;
}
