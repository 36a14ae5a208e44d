import type { Db, Tx } from "../../lib/db.ts";
import type { Place } from "./domain/places.ts";
import type { Choices } from "./domain/preferences.ts";

/** What `users` tells of a user, by the event number `seq`. */
interface KnownUser {
	readonly userId: string;
	readonly email: string;
	readonly suspended: boolean;
	readonly since: string;
	readonly seq: number;
}

/** More addresses than anybody has at a time; the one that was unused the longest is forgotten. */
const MAX_PLACES_PER_USER = 50;

/** Takes over what is newer than what is known; at most one row per user. */
export async function saveUsers(tx: Tx, users: readonly KnownUser[]): Promise<void> {
	await tx.query(
		`INSERT INTO recipients AS known (user_id, email, suspended, since, seq)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[], $5::bigint[])
		ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, suspended = excluded.suspended,
			since = excluded.since, seq = excluded.seq
		WHERE known.seq < excluded.seq`,
		[
			users.map((user) => user.userId),
			users.map((user) => user.email),
			users.map((user) => user.suspended),
			users.map((user) => user.since),
			users.map((user) => user.seq),
		],
	);
}

/** What those of `userIds` have chosen who have chosen anything, by user. */
export async function readChoices(on: Db | Tx, userIds: readonly string[]): Promise<Map<string, Choices>> {
	const rows = await on.query<{ user_id: string; choices: Choices }>(
		"SELECT user_id, choices FROM recipients WHERE user_id = ANY($1::uuid[]) AND version > 0",
		[userIds],
	);
	return new Map(rows.map((row) => [row.user_id, row.choices]));
}

/** Keeps other changes of what this user has waiting until the transaction ends; gives what the user has chosen. */
export async function lockRecipient(tx: Tx, userId: string): Promise<Choices> {
	// The update changes nothing: it locks the row and gives it, whether it is new or not.
	const [row] = await tx.query<{ choices: Choices }>(
		`INSERT INTO recipients (user_id) VALUES ($1)
		ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING choices`,
		[userId],
	);
	if (!row) throw new Error("an upsert gives its row");
	return row.choices;
}

/** Saves what a user has chosen, and gives the number of the event that tells of it. */
export async function saveChoices(tx: Tx, userId: string, choices: Choices): Promise<number> {
	const [row] = await tx.query<{ version: number }>(
		"UPDATE recipients SET choices = $2::jsonb, version = version + 1 WHERE user_id = $1 RETURNING version",
		[userId, JSON.stringify(choices)],
	);
	if (!row) throw new Error("the recipient's row is gone though it was locked");
	return row.version;
}

interface PlaceRow {
	user_id: string;
	ip: string;
	session_id: string;
	user_agent: string;
	first_seen_at: Date;
	last_seen_at: Date;
	told: boolean;
}

/** Where `userIds` have logged in from. */
export async function readPlaces(tx: Tx, userIds: readonly string[]): Promise<Place[]> {
	const rows = await tx.query<PlaceRow>("SELECT * FROM places WHERE user_id = ANY($1::uuid[])", [userIds]);
	return rows.map((row) => ({
		userId: row.user_id,
		ip: row.ip,
		sessionId: row.session_id,
		userAgent: row.user_agent,
		at: row.first_seen_at.toISOString(),
		lastSeenAt: row.last_seen_at.toISOString(),
		told: row.told,
	}));
}

/** Saves places, of each user the most recently used ones. */
export async function savePlaces(tx: Tx, places: readonly Place[]): Promise<void> {
	await tx.query(
		`INSERT INTO places (user_id, ip, session_id, user_agent, first_seen_at, last_seen_at, told)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[],
			$7::boolean[])
		ON CONFLICT (user_id, ip) DO UPDATE SET session_id = excluded.session_id, user_agent = excluded.user_agent,
			first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at, told = excluded.told`,
		[
			places.map((place) => place.userId),
			places.map((place) => place.ip),
			places.map((place) => place.sessionId),
			places.map((place) => place.userAgent),
			places.map((place) => place.at),
			places.map((place) => place.lastSeenAt),
			places.map((place) => place.told),
		],
	);
	await tx.query(
		`DELETE FROM places USING (
			SELECT user_id, ip, row_number() OVER (PARTITION BY user_id ORDER BY last_seen_at DESC, ip) AS rank
			FROM places WHERE user_id = ANY($1::uuid[])
		) AS ranked
		WHERE (places.user_id, places.ip) = (ranked.user_id, ranked.ip) AND rank > ${MAX_PLACES_PER_USER}`,
		[[...new Set(places.map((place) => place.userId))]],
	);
}
