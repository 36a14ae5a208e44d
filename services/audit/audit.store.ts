import type { AuditFilter, AuditRecord } from "../../contracts/audit.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { Link, Place } from "./domain/chain.ts";

/** The end of the chain, and how far it is anchored. */
export interface Head extends Place {
	readonly anchored_seq: number;
	/** How many anchors there are. */
	readonly anchors: number;
}

/** What the tables say of their ends, all at one moment; 0 where there is nothing. */
export interface Ends extends Head {
	readonly last_record: number;
	readonly last_anchor: number;
}

type Reader = Pick<Db, "query">;
type Row = Omit<Link, "seq" | "time"> & { readonly seq: string; readonly time: Date };
type HeadRow = { readonly [K in keyof Head]: Head[K] extends number ? string : Head[K] };

const COLUMNS =
	"seq, event_id, time, user_id, action, object, ip, result, request_id, data_hash, details, hash" as const;

function headOf({ seq, hash, anchored_seq, anchors }: HeadRow): Head {
	return { seq: Number(seq), hash, anchored_seq: Number(anchored_seq), anchors: Number(anchors) };
}

function linkOf(row: Row): Link {
	return { ...row, seq: Number(row.seq), time: row.time.toISOString() };
}

/** A record as it is shown. */
export function recordOf({ details, hash, ...link }: Link): AuditRecord {
	return { ...link, details: details === null ? null : (JSON.parse(details) as Record<string, unknown>), hash };
}

/** The head of the chain: until the transaction ends, nobody else adds to it. */
export async function lockHead(tx: Tx): Promise<Head> {
	const [row] = await tx.query<HeadRow>("SELECT seq, hash, anchored_seq, anchors FROM chain_head FOR UPDATE");
	if (!row) throw new Error("the chain has no head");
	return headOf(row);
}

/** As `lockHead`, but null unless some record has waited for an anchor for `ageS` seconds. */
export async function lockOverdueHead(tx: Tx, ageS: number): Promise<Head | null> {
	const [row] = await tx.query<HeadRow>(
		`SELECT seq, hash, anchored_seq, anchors FROM chain_head
		WHERE unanchored_since < clock_timestamp() - make_interval(secs => $1) FOR UPDATE`,
		[ageS],
	);
	return row ? headOf(row) : null;
}

/** Those of `eventIds` that are recorded. */
export async function selectKnown(tx: Tx, eventIds: readonly string[]): Promise<Set<string>> {
	const rows = await tx.query<{ event_id: string }>("SELECT event_id FROM records WHERE event_id = ANY ($1::uuid[])", [
		eventIds,
	]);
	return new Set(rows.map((row) => row.event_id));
}

/** Adds to the chain what follows its locked head. */
export function insertLinks(tx: Tx, links: readonly Link[]): void {
	const column = <T>(pick: (link: Link) => T) => links.map(pick);
	tx.execute(
		`INSERT INTO records (${COLUMNS})
		SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::text[], $10::text[], $11::text[], $12::text[])`,
		[
			column((link) => link.seq),
			column((link) => link.event_id),
			column((link) => link.time),
			column((link) => link.user_id),
			column((link) => link.action),
			column((link) => link.object),
			column((link) => link.ip),
			column((link) => link.result),
			column((link) => link.request_id),
			column((link) => link.data_hash),
			column((link) => link.details),
			column((link) => link.hash),
		],
	);
}

/** Moves the locked head on to a record that is not anchored yet. */
export function moveHead(tx: Tx, { seq, hash }: Place): void {
	tx.execute(
		`UPDATE chain_head SET seq = $1, hash = $2,
			unanchored_since = coalesce(unanchored_since, clock_timestamp())`,
		[seq, hash],
	);
}

/** Anchors the record at the locked head. */
export function insertAnchor(tx: Tx, { seq, hash }: Place): void {
	tx.execute("INSERT INTO anchors (seq, hash) VALUES ($1, $2)", [seq, hash]);
	tx.execute("UPDATE chain_head SET anchored_seq = seq, anchors = anchors + 1, unanchored_since = NULL");
}

/** The ends of the chain, and of its tables. */
export async function readEnds(db: Reader): Promise<Ends> {
	type EndsRow = HeadRow & { readonly last_record: string; readonly last_anchor: string };
	const [row] = await db.query<EndsRow>(
		`SELECT seq, hash, anchored_seq, anchors, (SELECT coalesce(max(seq), 0) FROM records) AS last_record,
			(SELECT coalesce(max(seq), 0) FROM anchors) AS last_anchor
		FROM chain_head`,
	);
	if (!row) throw new Error("the chain has no head");
	return { ...headOf(row), last_record: Number(row.last_record), last_anchor: Number(row.last_anchor) };
}

/** The records after `after` up to `upTo`, at most `limit` of them. */
export async function selectLinks(db: Reader, after: number, upTo: number, limit: number): Promise<Link[]> {
	const rows = await db.query<Row>(
		`SELECT ${COLUMNS} FROM records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`,
		[after, upTo, limit],
	);
	return rows.map(linkOf);
}

/** The anchors after `after`, at most `limit` of them. */
export async function selectAnchors(db: Reader, after: number, limit: number): Promise<Place[]> {
	const rows = await db.query<{ seq: string; hash: string }>(
		"SELECT seq, hash FROM anchors WHERE seq > $1 ORDER BY seq LIMIT $2",
		[after, limit],
	);
	return rows.map(({ seq, hash }) => ({ seq: Number(seq), hash }));
}

/** A part of the records that agree with a filter: between two numbers, which are not in it. */
export interface Selection {
	readonly filter: AuditFilter;
	readonly after: number | null;
	readonly before: number | null;
	readonly order: "ASC" | "DESC";
	readonly limit: number;
}

/** The records of a selection, in its order. */
export async function selectRecords(db: Reader, { filter, after, before, order, limit }: Selection): Promise<Link[]> {
	const { since, until, user_id, action, object, result, request_id } = filter;
	const bind: (string | number)[] = [limit];
	const conditions = ["true"];
	const narrow = (condition: string, value: string | number | null | undefined) => {
		if (value !== null && value !== undefined) conditions.push(`${condition} $${bind.push(value)}`);
	};
	for (const [column, value] of Object.entries({ user_id, action, object, result, request_id }))
		narrow(`${column} =`, value);
	narrow("time >=", since);
	narrow("time <", until);
	narrow("seq >", after);
	narrow("seq <", before);
	const rows = await db.query<Row>(
		`SELECT ${COLUMNS} FROM records WHERE ${conditions.join(" AND ")} ORDER BY seq ${order} LIMIT $1`,
		bind,
	);
	return rows.map(linkOf);
}
