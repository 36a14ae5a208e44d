import type { Replay } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";

interface Row {
	replay_id: string;
	consumer: string;
	again: boolean;
	status: Replay["status"];
	position: string;
	end_position: string;
	handed_over: string;
	last_error: string | null;
	requested_by: string;
	created_at: Date;
	updated_at: Date;
}

/** A replay with how far it has come and how far it goes. */
export interface StoredReplay extends Replay {
	readonly position: string;
	readonly end_position: string;
}

function replayOf(row: Row): StoredReplay {
	return {
		...row,
		handed_over: Number(row.handed_over),
		created_at: row.created_at.toISOString(),
		updated_at: row.updated_at.toISOString(),
	};
}

/** A replay as operators see it. */
export function shown({ position: _position, end_position: _end, ...replay }: StoredReplay): Replay {
	return replay;
}

/** Adds a replay of what comes after `position` up to `endPosition`. */
export async function insertReplay(
	tx: Tx,
	replay: {
		readonly replayId: string;
		readonly consumer: string;
		readonly again: boolean;
		readonly position: string;
		readonly endPosition: string;
		readonly requestedBy: string;
	},
): Promise<StoredReplay> {
	const [row] = await tx.query<Row>(
		`INSERT INTO replays (replay_id, consumer, again, position, end_position, requested_by, status)
		VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $4::bigint < $5 THEN 'running' ELSE 'done' END) RETURNING *`,
		[replay.replayId, replay.consumer, replay.again, replay.position, replay.endPosition, replay.requestedBy],
	);
	return replayOf(row as Row);
}

/** How many replays run. */
export async function countRunning(db: Pick<Db | Tx, "query">): Promise<number> {
	const [row] = await db.query<{ running: number }>(
		"SELECT count(*)::integer AS running FROM replays WHERE status = 'running'",
	);
	return row?.running ?? 0;
}

/** The running replays, oldest first. */
export async function runningReplays(db: Db): Promise<StoredReplay[]> {
	const rows = await db.query<Row>("SELECT * FROM replays WHERE status = 'running' ORDER BY created_at");
	return rows.map(replayOf);
}

/** The last `limit` replays, newest first. */
export async function listReplays(db: Db, limit: number): Promise<StoredReplay[]> {
	const rows = await db.query<Row>("SELECT * FROM replays ORDER BY created_at DESC LIMIT $1", [limit]);
	return rows.map(replayOf);
}

/** The replay of that id, or null. */
export async function findReplay(db: Db, replayId: string): Promise<StoredReplay | null> {
	const [row] = await db.query<Row>("SELECT * FROM replays WHERE replay_id = $1", [replayId]);
	return row ? replayOf(row) : null;
}

/** Notes that `count` more events were handed over, up to `position`: all of them when that is the end. */
export async function noteProgress(db: Db, replayId: string, position: string, count: number): Promise<void> {
	await db.query(
		`UPDATE replays SET position = $2, handed_over = handed_over + $3, last_error = NULL, updated_at = now(),
			status = CASE WHEN $2 >= end_position THEN 'done' ELSE 'running' END
		WHERE replay_id = $1`,
		[replayId, position, count],
	);
}

/** Notes why a replay does not get on. */
export async function noteTrouble(db: Db, replayId: string, error: string): Promise<void> {
	await db.query("UPDATE replays SET last_error = $2, updated_at = now() WHERE replay_id = $1", [replayId, error]);
}

/** The position before which no replay will read any more; null when none runs. */
export async function lowestReplayed(db: Db): Promise<string | null> {
	const [row] = await db.query<{ lowest: string | null }>(
		"SELECT min(position) AS lowest FROM replays WHERE status = 'running'",
	);
	return row?.lowest ?? null;
}
