import type { EventSubscription } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { LOCKS } from "../../lib/locks.ts";
import type { Wish } from "./domain/subscription.ts";

/**
 * A subscription as it is kept: where it is sent, the last position that was dealt with, and up to where the message
 * goes that was tried last.
 */
export interface StoredSubscription extends Wish {
	readonly subscriptionId: string;
	readonly url: string;
	readonly secret: string;
	readonly status: EventSubscription["status"];
	readonly position: string;
	readonly endPosition: string | null;
	readonly sendingUpTo: string | null;
	readonly failures: number;
	readonly lastError: string | null;
	readonly nextTryAt: Date;
	readonly version: number;
	readonly createdAt: Date;
}

interface Row {
	subscription_id: string;
	user_id: string;
	scope: "own" | "all";
	types: readonly string[];
	url: string;
	secret: string;
	status: EventSubscription["status"];
	position: string;
	end_position: string | null;
	sending_up_to: string | null;
	failures: number;
	last_error: string | null;
	next_try_at: Date;
	version: number;
	created_at: Date;
}

function subscriptionOf(row: Row): StoredSubscription {
	return {
		subscriptionId: row.subscription_id,
		userId: row.user_id,
		scope: row.scope,
		types: row.types,
		url: row.url,
		secret: row.secret,
		status: row.status,
		position: row.position,
		endPosition: row.end_position,
		sendingUpTo: row.sending_up_to,
		failures: row.failures,
		lastError: row.last_error,
		nextTryAt: row.next_try_at,
		version: row.version,
		createdAt: row.created_at,
	};
}

/** A subscription as its owner sees it. */
export function shown(subscription: StoredSubscription): EventSubscription {
	const { status, failures, nextTryAt } = subscription;
	return {
		subscription_id: subscription.subscriptionId,
		url: subscription.url,
		types: subscription.types,
		scope: subscription.scope,
		status,
		failures,
		last_error: subscription.lastError,
		next_try_at: failures > 0 && status !== "disabled" ? nextTryAt.toISOString() : null,
		created_at: subscription.createdAt.toISOString(),
	};
}

/** Makes this the only transaction that adds a subscription; gives how many there are, and how many the user has. */
export async function admit(tx: Tx, userId: string): Promise<{ readonly all: number; readonly own: number }> {
	await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.subscribing]);
	const [row] = await tx.query<{ all: number; own: number }>(
		`SELECT count(*)::integer AS "all", (count(*) FILTER (WHERE user_id = $1))::integer AS own FROM subscriptions`,
		[userId],
	);
	return row ?? { all: 0, own: 0 };
}

/** Adds a subscription to what is recorded after `position`. */
export async function insertSubscription(
	tx: Tx,
	subscription: Wish & Pick<StoredSubscription, "subscriptionId" | "url" | "secret" | "position">,
): Promise<StoredSubscription> {
	const { subscriptionId, userId, scope, types, url, secret, position } = subscription;
	const [row] = await tx.query<Row>(
		`INSERT INTO subscriptions (subscription_id, user_id, scope, types, url, secret, status, position)
		VALUES ($1, $2, $3, $4, $5, $6, 'active', $7) RETURNING *`,
		[subscriptionId, userId, scope, types, url, secret, position],
	);
	return subscriptionOf(row as Row);
}

/** The user's subscriptions, oldest first. */
export async function listSubscriptions(db: Db, userId: string): Promise<StoredSubscription[]> {
	const rows = await db.query<Row>("SELECT * FROM subscriptions WHERE user_id = $1 ORDER BY created_at", [userId]);
	return rows.map(subscriptionOf);
}

/** The user's subscription of that id, locked, or null. */
export async function lockSubscription(
	tx: Tx,
	userId: string,
	subscriptionId: string,
): Promise<StoredSubscription | null> {
	const [row] = await tx.query<Row>(
		"SELECT * FROM subscriptions WHERE subscription_id = $1 AND user_id = $2 FOR UPDATE",
		[subscriptionId, userId],
	);
	return row ? subscriptionOf(row) : null;
}

/** Has a subscription end after `endPosition`; its next version. */
export async function endSubscription(
	tx: Tx,
	subscriptionId: string,
	endPosition: string,
): Promise<StoredSubscription> {
	const [row] = await tx.query<Row>(
		`UPDATE subscriptions SET status = 'ending', end_position = $2, version = version + 1
		WHERE subscription_id = $1 RETURNING *`,
		[subscriptionId, endPosition],
	);
	return subscriptionOf(row as Row);
}

/** Removes a subscription, with all that it still had coming. */
export async function removeSubscription(db: Pick<Db | Tx, "query">, subscriptionId: string): Promise<void> {
	await db.query("DELETE FROM subscriptions WHERE subscription_id = $1", [subscriptionId]);
}

/**
 * Those with something to do now: events up to `head` to deal with, or an end that they have reached. Whoever has had
 * nothing for the longest time comes first.
 */
export async function dueSubscriptions(db: Db, head: string): Promise<StoredSubscription[]> {
	const rows = await db.query<Row>(
		`SELECT * FROM subscriptions
		WHERE status <> 'disabled' AND next_try_at <= now() AND (position < $1 OR position >= end_position)
		ORDER BY next_try_at, subscription_id`,
		[head],
	);
	return rows.map(subscriptionOf);
}

/** Moves positions on, by subscription. */
export async function advance(db: Db, positions: ReadonlyMap<string, string>): Promise<void> {
	if (positions.size === 0) return;
	await db.query(
		`UPDATE subscriptions s SET position = a.position FROM unnest($1::uuid[], $2::bigint[]) AS a (id, position)
		WHERE s.subscription_id = a.id AND s.position < a.position`,
		[[...positions.keys()], [...positions.values()]],
	);
}

/**
 * Notes that a message with what is wanted up to `upTo` is about to be tried, which from now on stays that message.
 * False when it is not to be: the subscription is over, ends before, or another node has taken over.
 */
export async function noteBegun(
	db: Db,
	{ subscriptionId, position }: StoredSubscription,
	upTo: string,
): Promise<boolean> {
	const rows = await db.query(
		`UPDATE subscriptions SET sending_up_to = $3
		WHERE subscription_id = $1 AND position = $2 AND status <> 'disabled' AND coalesce(end_position >= $3, true)
			AND (sending_up_to IS NULL OR sending_up_to <= position OR sending_up_to = $3)
		RETURNING 1`,
		[subscriptionId, position, upTo],
	);
	return rows.length > 0;
}

/** Notes that what comes up to `upTo` has arrived; gives the subscription as it is now, null as `noteBegun` says. */
export async function noteSuccess(
	db: Db,
	{ subscriptionId, position }: StoredSubscription,
	upTo: string,
): Promise<StoredSubscription | null> {
	const [row] = await db.query<Row>(
		`UPDATE subscriptions SET position = $3, sending_up_to = NULL, failures = 0, last_error = NULL, next_try_at = now()
		WHERE subscription_id = $1 AND position = $2 AND status <> 'disabled' RETURNING *`,
		[subscriptionId, position, upTo],
	);
	return row ? subscriptionOf(row) : null;
}

/** Notes a try that failed, and when the next one is due. */
export async function noteFailure(
	db: Db,
	{ subscriptionId, position }: StoredSubscription,
	error: string,
	delayMs: number,
): Promise<void> {
	await db.query(
		`UPDATE subscriptions SET failures = failures + 1, last_error = $3,
			next_try_at = now() + $4 * interval '1 millisecond'
		WHERE subscription_id = $1 AND position = $2 AND status <> 'disabled'`,
		[subscriptionId, position, error, delayMs],
	);
}

/**
 * Disables a subscription if it is still where it failed, or every one of a user; gives those that it has disabled, as
 * their next version.
 */
export async function disable(
	tx: Tx,
	which: { readonly failed: StoredSubscription } | { readonly ofUser: string },
	error: string,
): Promise<StoredSubscription[]> {
	const rows = await tx.query<Row>(
		`UPDATE subscriptions SET status = 'disabled', end_position = NULL, failures = failures + 1, last_error = $3,
			version = version + 1
		WHERE status <> 'disabled' AND (user_id = $1 OR (subscription_id = $2 AND position = $4)) RETURNING *`,
		"failed" in which
			? [null, which.failed.subscriptionId, error, which.failed.position]
			: [which.ofUser, null, error, null],
	);
	return rows.map(subscriptionOf);
}

/** The position before which every subscription has dealt with everything; null when there is none. */
export async function lowestPosition(db: Db): Promise<string | null> {
	const [row] = await db.query<{ lowest: string | null }>(
		"SELECT min(position) AS lowest FROM subscriptions WHERE status <> 'disabled'",
	);
	return row?.lowest ?? null;
}
