import type { Tx } from "../db.ts";
import type { Receipt } from "./transport.ts";

/** How far a source's events are known to be handled: what a transport that loses its store need not be given again. */
export interface Floor {
	/** All events up to this position of the outbox are handled in all of `places`; null when that is known of none. */
	readonly position: string | null;
	/** Every place of a consumer that was ever seen. */
	readonly places: readonly string[];
	/** What is to become the floor next. */
	readonly checkpoint: Checkpoint | null;
}

interface Checkpoint {
	readonly position: string;
	/** The transactions that may still have committed an event up to `position` after it was chosen. */
	readonly writers: readonly string[];
	/** By it the transport had accepted all events up to `position`; null until all of `writers` have ended. */
	readonly receipt: Receipt | null;
}

/** What the database shows at one moment. */
export interface Sight {
	readonly floor: Floor;
	/** The highest position that is committed; null when nothing is kept. */
	readonly told: string | null;
	/** The transactions that have written to the outbox, or are about to, and have not ended. */
	readonly writers: readonly string[];
}

/**
 * The floor as it stands, and what a next one can be taken from. Not by time, which a clock that is put back would
 * belie, but by position: the transaction that draws one already holds a lock on the outbox, and keeps it until what it
 * has written can be seen. So whatever may yet be committed below `told` is of one of `writers`.
 */
export async function sightFloor(tx: Tx): Promise<Sight> {
	const [row] = await tx.query<Floor & Omit<Sight, "floor">>(
		`SELECT position, places, checkpoint, (SELECT max(position) FROM outbox) AS told,
			ARRAY(
				SELECT virtualtransaction FROM pg_locks
				WHERE locktype = 'relation' AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock'
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			) AS writers
		FROM outbox_floor`,
	);
	if (!row) throw new Error("outbox_floor has lost its row");
	const { told, writers, ...floor } = row;
	return { floor, told, writers };
}

/**
 * The floor after a round that has published all it saw of the outbox after `sight`, up to `receipt`. `handled` says of
 * each place whether it has handled what was accepted up to `receiptToAsk`. The floor does not move while one that was
 * ever seen, or one of `audience`, has not; and nothing is known any more once there is a place that was never seen.
 */
export function nextFloor(
	sight: Sight,
	receipt: Receipt,
	handled: ReadonlyMap<string, boolean>,
	audience: readonly string[],
): Floor {
	const newcomers = [...handled.keys()].filter((place) => !sight.floor.places.includes(place));
	const places = [...sight.floor.places, ...newcomers];
	let position = newcomers.length > 0 ? null : sight.floor.position;
	let checkpoint = sight.floor.checkpoint;
	// Of a store that was lost before the last publication: its sequences mean something else in this one.
	if (checkpoint?.receipt && checkpoint.receipt.store !== receipt.store) checkpoint = null;
	if (checkpoint?.receipt && handled.size > 0 && [...places, ...audience].every((place) => handled.get(place))) {
		position = checkpoint.position;
		checkpoint = null;
	}
	if (!checkpoint && sight.told !== null && BigInt(sight.told) > BigInt(position ?? 0)) {
		checkpoint = { position: sight.told, writers: sight.writers, receipt: null };
	}
	if (checkpoint && !checkpoint.receipt && !checkpoint.writers.some((writer) => sight.writers.includes(writer))) {
		checkpoint = { ...checkpoint, receipt };
	}
	return { position, places, checkpoint };
}

/** Up to where the transport is to be asked who has handled all: `receipt` while no checkpoint waits for it. */
export function receiptToAsk({ floor: { checkpoint } }: Sight, receipt: Receipt): Receipt {
	return checkpoint?.receipt ?? receipt;
}

/** Keeps `floor`, with the transaction of the round; writes nothing when it is what it was. */
export function keepFloor(tx: Tx, { position, places, checkpoint }: Floor): void {
	tx.execute(
		`UPDATE outbox_floor SET position = $1, places = $2, checkpoint = $3::json
		WHERE (position, places, checkpoint::text) IS DISTINCT FROM ($1::bigint, $2::text[], $3::text)`,
		[position, places, checkpoint && JSON.stringify(checkpoint)],
	);
}

/**
 * The position up to which everybody has handled everything: 0 when nobody can say, as when one of `audience` was not
 * there yet when the floor was reached.
 */
export async function lastHandled(tx: Tx, audience: readonly string[]): Promise<string> {
	const [row] = await tx.query<{ position: string | null }>(
		"SELECT position FROM outbox_floor WHERE places @> $1::text[]",
		[audience],
	);
	return row?.position ?? "0";
}

/** Forgets what was to become the floor: it was counted in a store that is lost. The floor itself stays true. */
export function dropCheckpoint(tx: Tx): void {
	tx.execute("UPDATE outbox_floor SET checkpoint = NULL", []);
}
