import type { ConsumerBacklog } from "../../contracts/event-bus.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../db.ts";
import { firstBytes } from "./bounds.ts";

/** How an event stands that could not be handled. */
export interface Fate {
	readonly state: "retrying" | "parked" | "dead";
	readonly attempts: number;
	readonly lastError: string | null;
	/** When to try it, in ms from now. */
	readonly delayMs: number;
}

/** An event that was taken over from the transport and has yet to be handled. */
export interface Delivery extends Fate {
	readonly event: Envelope;
}

/** A delivery as it lies in the table; `ageMs` counts from when it was set aside. */
export interface KeptDelivery {
	readonly event: Envelope;
	readonly attempts: number;
	readonly ageMs: number;
}

/** The state of a consumer's deliveries. */
type DeliveryCounts = Pick<ConsumerBacklog, Fate["state"]>;

/** Longer error texts are cut; the log has them whole. */
const MAX_ERROR_LENGTH = 1_000;

/** Sets events aside; one that is already there stays as it is. */
export function setAside(tx: Tx, deliveries: readonly Delivery[]): void {
	tx.execute(
		`INSERT INTO deliveries (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, last_error, next_try_at)
		SELECT event_id, aggregate_id, aggregate_seq, envelope, state, attempts, last_error,
			now() + delay_ms * interval '1 millisecond'
		FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::json[], $5::text[], $6::integer[], $7::text[], $8::integer[])
			AS d (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, last_error, delay_ms)
		ON CONFLICT (event_id) DO NOTHING`,
		[
			deliveries.map(({ event }) => event.event_id),
			deliveries.map(({ event }) => event.aggregate_id),
			deliveries.map(({ event }) => event.aggregate_seq),
			deliveries.map(({ event }) => JSON.stringify(event)),
			deliveries.map(({ state }) => state),
			deliveries.map(({ attempts }) => attempts),
			deliveries.map(({ lastError }) => cut(lastError)),
			deliveries.map(({ delayMs }) => delayMs),
		],
	);
}

/** Those of `events` that must wait, because an earlier event of their aggregate does. */
export async function findBlocked(tx: Tx, events: readonly Envelope[]): Promise<ReadonlySet<Envelope>> {
	const rows = await tx.query<{ aggregate_id: string; seq: string | null }>(
		`SELECT aggregate_id, (
			SELECT min(aggregate_seq) FROM deliveries d WHERE state <> 'dead' AND d.aggregate_id = a.aggregate_id
		) AS seq
		FROM unnest($1::text[]) AS a (aggregate_id)`,
		[[...new Set(events.map((event) => event.aggregate_id))]],
	);
	const heads = new Map(rows.flatMap(({ aggregate_id, seq }) => (seq === null ? [] : [[aggregate_id, Number(seq)]])));
	return new Set(
		events.filter((event) => event.aggregate_seq > (heads.get(event.aggregate_id) ?? Number.POSITIVE_INFINITY)),
	);
}

/**
 * The first waiting event of each aggregate, one look into the index for each: behind some of them a great many may
 * wait, which must not make this slow.
 */
const HEADS = `
	WITH RECURSIVE heads AS (
		(SELECT aggregate_id, next_try_at FROM deliveries
			WHERE state <> 'dead' ORDER BY aggregate_id, aggregate_seq LIMIT 1)
		UNION ALL
		SELECT next.* FROM heads, LATERAL (
			SELECT aggregate_id, next_try_at FROM deliveries d
			WHERE state <> 'dead' AND d.aggregate_id > heads.aggregate_id ORDER BY aggregate_id, aggregate_seq LIMIT 1
		) AS next
	)`;

/** Whether events of `limit` aggregates wait, or of more. */
export async function haveManyFailed(tx: Tx, limit: number): Promise<boolean> {
	// Nearly always there are few events, which are counted sooner than aggregates.
	const [events] = await tx.query<{ live: number }>(
		"SELECT count(*)::integer AS live FROM (SELECT FROM deliveries WHERE state <> 'dead' LIMIT $1) AS d",
		[limit],
	);
	if (!events || events.live < limit) return false;
	const [aggregates] = await tx.query<{ live: number }>(
		`${HEADS} SELECT count(*)::integer AS live FROM (SELECT FROM heads LIMIT $1) AS h`,
		[limit],
	);
	return aggregates !== undefined && aggregates.live >= limit;
}

/**
 * The aggregates whose first waiting event is due. Only that one is ever tried, so the order of an aggregate needs no
 * other bookkeeping: when it is handled or dead, the next is the first.
 */
export async function dueAggregates(db: Db, limit: number): Promise<readonly string[]> {
	const rows = await db.query<{ aggregate_id: string }>(
		`${HEADS} SELECT aggregate_id FROM heads WHERE next_try_at <= now() ORDER BY next_try_at LIMIT $1`,
		[limit],
	);
	return rows.map((row) => row.aggregate_id);
}

/** The first waiting deliveries of an aggregate, in order and within bounds; none when its first one is not due. */
export async function readDue(tx: Tx, aggregateId: string, limit: number): Promise<readonly KeptDelivery[]> {
	const waiting = `SELECT * FROM deliveries
		WHERE state <> 'dead' AND aggregate_id = $1 ORDER BY aggregate_seq LIMIT $2`;
	const rows = await tx.query<{ envelope: Envelope; attempts: number; due: boolean; age: number }>(
		`SELECT envelope, attempts, next_try_at <= now() AS due,
			(extract(epoch FROM now() - created_at) * 1000)::float8 AS age
		FROM ${firstBytes(waiting, "envelope", "aggregate_seq")} first ORDER BY aggregate_seq`,
		[aggregateId, limit],
	);
	if (!rows[0]?.due) return [];
	return rows.map((row) => ({ event: row.envelope, attempts: row.attempts, ageMs: row.age }));
}

/** Forgets deliveries that have been handled. */
export function settle(tx: Tx, deliveries: readonly KeptDelivery[]): void {
	tx.execute("DELETE FROM deliveries WHERE event_id = ANY ($1::uuid[])", [
		deliveries.map(({ event }) => event.event_id),
	]);
}

/** Writes down a failed try of `kept`, unless another node has done so meanwhile. */
export async function postpone(tx: Tx, kept: KeptDelivery, next: Fate): Promise<void> {
	await tx.query(
		`UPDATE deliveries SET state = $1, attempts = $2, last_error = $3,
			next_try_at = now() + $4 * interval '1 millisecond'
		WHERE event_id = $5 AND attempts = $6 AND state <> 'dead'`,
		[next.state, next.attempts, cut(next.lastError), next.delayMs, kept.event.event_id, kept.attempts],
	);
}

/** How many deliveries there are, by state. */
export async function deliveryCounts(db: Db): Promise<DeliveryCounts> {
	const [row] = await db.query<DeliveryCounts>(
		`SELECT count(*) FILTER (WHERE state = 'retrying')::integer AS retrying,
			count(*) FILTER (WHERE state = 'parked')::integer AS parked,
			count(*) FILTER (WHERE state = 'dead')::integer AS dead
		FROM deliveries`,
	);
	return row ?? { retrying: 0, parked: 0, dead: 0 };
}

/** PostgreSQL's text cannot hold NUL. */
function cut(error: string | null): string | null {
	return error?.slice(0, MAX_ERROR_LENGTH).replaceAll("\0", "") ?? null;
}
