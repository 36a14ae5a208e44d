import type { Role } from "../../contracts/common.ts";
import type { User, UserStatus } from "../../contracts/users.ts";
import { brokenConstraint, type Db, type Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";
import { refuse } from "../../lib/refuse.ts";

export interface UserRow {
	readonly user_id: string;
	readonly username: string;
	readonly email: string;
	readonly status: UserStatus;
	readonly roles: readonly Role[];
	readonly created_at: Date;
	readonly updated_at: Date;
}

/** A user's row with the number of the last event that told of it. */
export interface VersionedUser extends UserRow {
	readonly version: number;
}

/** A user as the others see it. */
export function userOf(row: UserRow): User {
	return {
		user_id: row.user_id,
		username: row.username,
		email: row.email,
		status: row.status,
		roles: row.roles,
		created_at: row.created_at.toISOString(),
		updated_at: row.updated_at.toISOString(),
	};
}

/** Makes this the only transaction that adds a user, and gives how many there are. */
export async function admit(tx: Tx): Promise<number> {
	await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.admission]);
	const [row] = await tx.query<{ count: number }>("SELECT count(*)::int AS count FROM users");
	return row?.count ?? 0;
}

/** The user's id as it is kept, or null when there is no such user. */
export async function findUserId(db: Db, userId: string): Promise<string | null> {
	const [row] = await db.query<{ user_id: string }>("SELECT user_id FROM users WHERE user_id = $1", [userId]);
	return row?.user_id ?? null;
}

/** The user, locked against other changes until the transaction ends. */
export async function lockUser(tx: Tx, userId: string): Promise<VersionedUser | null> {
	const [row] = await tx.query<VersionedUser>("SELECT * FROM users WHERE user_id = $1 FOR UPDATE", [userId]);
	return row ?? null;
}

/** The user of that name, in whatever case it is written. */
export async function findByName(db: Db, username: string): Promise<User | null> {
	const [row] = await db.query<UserRow>("SELECT * FROM users WHERE lower(username) = lower($1)", [username]);
	return row ? userOf(row) : null;
}

/** Adds an active user. Refuses `USERNAME_TAKEN` and `EMAIL_TAKEN`. */
export async function insertUser(
	tx: Tx,
	user: Pick<User, "user_id" | "username" | "email" | "roles">,
): Promise<VersionedUser> {
	return one(
		tx,
		`INSERT INTO users (user_id, username, email, status, roles, version, created_at, updated_at)
		VALUES ($1, $2, $3, 'active', $4, 1, now(), now()) RETURNING *`,
		[user.user_id, user.username, user.email, user.roles],
	);
}

/** Saves a changed user under its next version. Refuses as `insertUser` does. */
export async function saveUser(tx: Tx, user: VersionedUser): Promise<VersionedUser> {
	return one(
		tx,
		`UPDATE users SET username = $2, email = $3, status = $4, version = version + 1, updated_at = now()
		WHERE user_id = $1 RETURNING *`,
		[user.user_id, user.username, user.email, user.status],
	);
}

async function one(tx: Tx, sql: string, bind: Parameters<Tx["query"]>[1]): Promise<VersionedUser> {
	try {
		const [row] = await tx.query<VersionedUser>(sql, bind);
		if (!row) throw new Error("the user's row is gone though it was locked");
		return row;
	} catch (error) {
		const constraint = brokenConstraint(error);
		if (constraint === "users_username_key") throw refuse("USERNAME_TAKEN", "This username is taken");
		if (constraint === "users_email_key") throw refuse("EMAIL_TAKEN", "This e-mail address is taken");
		throw error;
	}
}
