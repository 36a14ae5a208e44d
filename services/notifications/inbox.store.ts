import type { Notification, NotificationKind } from "../../contracts/notifications.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { Notice } from "./domain/notices.ts";

/** A notice as it is kept. */
export interface KeptNotice extends Notice {
	readonly notificationId: string;
	readonly inInbox: boolean;
}

interface Row {
	notification_id: string;
	kind: NotificationKind;
	title: string;
	body: string;
	data: Readonly<Record<string, unknown>>;
	created_at: Date;
	read_at: Date | null;
}

const SHOWN = "n.notification_id, n.kind, n.title, n.body, n.data, n.created_at";

/** What a user keeps at most; beyond it the oldest go. */
const MAX_PER_USER = 1_000;

function notificationOf(row: Row): Notification {
	return { ...row, created_at: row.created_at.toISOString(), read_at: row.read_at?.toISOString() ?? null };
}

/** Keeps notices, each once; gives the ids of those that were not there yet. */
export async function insertNotices(tx: Tx, notices: readonly KeptNotice[]): Promise<ReadonlySet<string>> {
	const rows = await tx.query<{ notification_id: string }>(
		`INSERT INTO notifications (notification_id, user_id, kind, key, title, body, data, in_inbox, created_at)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[],
			$8::boolean[], $9::timestamptz[])
		ON CONFLICT ON CONSTRAINT notifications_once DO NOTHING RETURNING notification_id`,
		[
			notices.map((notice) => notice.notificationId),
			notices.map((notice) => notice.userId),
			notices.map((notice) => notice.kind),
			notices.map((notice) => notice.key),
			notices.map((notice) => notice.title),
			notices.map((notice) => notice.body),
			notices.map((notice) => JSON.stringify(notice.data)),
			notices.map((notice) => notice.inInbox),
			notices.map((notice) => notice.at),
		],
	);
	return new Set(rows.map((row) => row.notification_id));
}

/** Which of a user's notifications are asked for. */
interface InboxFilter {
	/** The id of the last one of the page before, or null. */
	readonly after: string | null;
	readonly limit: number;
	readonly kind: NotificationKind | null;
	readonly unread: boolean | null;
	/** The kinds whose broadcasts the user wants to see. */
	readonly broadcasts: readonly NotificationKind[];
}

/** A user's notifications, newest first: the own ones and, from the user's time on, those for everybody. */
export async function readInbox(db: Db, userId: string, filter: InboxFilter): Promise<Notification[]> {
	const page = `($2::uuid IS NULL OR n.notification_id < $2) AND ($3::text IS NULL OR n.kind = $3)`;
	const rows = await db.query<Row>(
		`(SELECT ${SHOWN}, n.read_at FROM notifications n
			WHERE n.user_id = $1 AND n.in_inbox AND ${page} AND ($4::boolean IS NULL OR (n.read_at IS NULL) = $4)
			ORDER BY n.notification_id DESC LIMIT $5)
		UNION ALL
		(SELECT ${SHOWN}, r.read_at FROM notifications n
			LEFT JOIN broadcast_reads r ON r.notification_id = n.notification_id AND r.user_id = $1
			WHERE n.user_id IS NULL AND n.kind = ANY($6::text[]) AND ${page}
				AND ($4::boolean IS NULL OR (r.read_at IS NULL) = $4)
				AND n.created_at >= coalesce((SELECT since FROM recipients WHERE user_id = $1), '-infinity')
			ORDER BY n.notification_id DESC LIMIT $5)
		ORDER BY notification_id DESC LIMIT $5`,
		[userId, filter.after, filter.kind, filter.unread, filter.limit, filter.broadcasts],
	);
	return rows.map(notificationOf);
}

/** Marks one of a user's notifications as read, and gives it; null when the user has no such one. */
export async function markRead(tx: Tx, userId: string, notificationId: string): Promise<Notification | null> {
	const [own] = await tx.query<Row>(
		`UPDATE notifications n SET read_at = coalesce(read_at, now())
		WHERE notification_id = $1 AND user_id = $2 AND in_inbox RETURNING ${SHOWN}, n.read_at`,
		[notificationId, userId],
	);
	if (own) return notificationOf(own);
	const [everybodys] = await tx.query<Row>(
		`WITH read AS (
			INSERT INTO broadcast_reads AS r (notification_id, user_id, read_at)
			SELECT notification_id, $2, now() FROM notifications WHERE notification_id = $1 AND user_id IS NULL
			ON CONFLICT (notification_id, user_id) DO UPDATE SET read_at = r.read_at RETURNING *
		)
		SELECT ${SHOWN}, read.read_at FROM read JOIN notifications n USING (notification_id)`,
		[notificationId, userId],
	);
	return everybodys ? notificationOf(everybodys) : null;
}

/** Marks all of a user's notifications as read; gives how many were not. */
export async function markAllRead(tx: Tx, userId: string, broadcasts: readonly NotificationKind[]): Promise<number> {
	const [own, everybodys] = await Promise.all([
		tx.query(
			"UPDATE notifications SET read_at = now() WHERE user_id = $1 AND in_inbox AND read_at IS NULL RETURNING 1",
			[userId],
		),
		tx.query(
			`INSERT INTO broadcast_reads (notification_id, user_id, read_at)
			SELECT notification_id, $1, now() FROM notifications
			WHERE user_id IS NULL AND kind = ANY($2::text[])
				AND created_at >= coalesce((SELECT since FROM recipients WHERE user_id = $1), '-infinity')
			ON CONFLICT DO NOTHING RETURNING 1`,
			[userId, broadcasts],
		),
	]);
	return own.length + everybodys.length;
}

/** Removes at most `limit` notifications from before `firstId`; gives how many. */
export async function removeOlder(db: Db, firstId: string, limit: number): Promise<number> {
	const removed = await db.query(
		`DELETE FROM notifications WHERE notification_id IN (
			SELECT notification_id FROM notifications WHERE notification_id < $1 ORDER BY notification_id LIMIT $2
		) RETURNING 1`,
		[firstId, limit],
	);
	return removed.length;
}

/** Removes at most `limit` of each user's notifications beyond what a user keeps; gives those who may have more. */
export async function trimInboxes(db: Db, userIds: readonly string[], limit: number): Promise<readonly string[]> {
	const removed = await db.query<{ user_id: string }>(
		`DELETE FROM notifications WHERE notification_id IN (
			SELECT surplus.notification_id FROM unnest($1::uuid[]) AS u (user_id), LATERAL (
				SELECT notification_id FROM notifications n WHERE n.user_id = u.user_id
				ORDER BY notification_id DESC OFFSET ${MAX_PER_USER} LIMIT $2
			) AS surplus
		) RETURNING user_id`,
		[userIds, limit],
	);
	const byUser = Map.groupBy(removed, ({ user_id }) => user_id);
	return [...byUser].filter(([, rows]) => rows.length >= limit).map(([userId]) => userId);
}
