import type { NotificationKind, Webhook } from "../../contracts/notifications.ts";
import type { Db, Tx } from "../../lib/db.ts";
import type { RoutedWebhook } from "./domain/route.ts";

/** A webhook as it is kept; `version` is the number of the last event about it. */
export interface StoredWebhook extends Webhook {
	readonly user_id: string;
	readonly version: number;
}

interface Row {
	webhook_id: string;
	user_id: string;
	url: string;
	kinds: readonly NotificationKind[] | null;
	version: number;
	disabled_at: Date | null;
	last_error: string | null;
	created_at: Date;
}

const COLUMNS = "webhook_id, user_id, url, kinds, version, disabled_at, last_error, created_at";

function webhookOf({ disabled_at, created_at, ...row }: Row): StoredWebhook {
	return { ...row, status: disabled_at ? "disabled" : "active", created_at: created_at.toISOString() };
}

/** A webhook as its owner sees it. */
export function shown({ user_id: _user, version: _version, ...webhook }: StoredWebhook): Webhook {
	return webhook;
}

/** How many webhooks a user has. */
export async function countWebhooks(tx: Tx, userId: string): Promise<number> {
	const [row] = await tx.query<{ count: number }>(
		"SELECT count(*)::integer AS count FROM webhooks WHERE user_id = $1",
		[userId],
	);
	return row?.count ?? 0;
}

/** Adds a webhook. */
export async function insertWebhook(
	tx: Tx,
	webhook: Pick<StoredWebhook, "webhook_id" | "user_id" | "url" | "kinds"> & { readonly secret: string },
): Promise<StoredWebhook> {
	const [row] = await tx.query<Row>(
		`INSERT INTO webhooks (webhook_id, user_id, url, kinds, secret) VALUES ($1, $2, $3, $4, $5) RETURNING ${COLUMNS}`,
		[webhook.webhook_id, webhook.user_id, webhook.url, webhook.kinds, webhook.secret],
	);
	if (!row) throw new Error("an insert gives its row");
	return webhookOf(row);
}

/** A user's webhooks, oldest first. */
export async function listWebhooks(db: Db, userId: string): Promise<StoredWebhook[]> {
	const rows = await db.query<Row>(`SELECT ${COLUMNS} FROM webhooks WHERE user_id = $1 ORDER BY webhook_id`, [userId]);
	return rows.map(webhookOf);
}

/** Removes a user's webhook with all that waited for it, and gives it under its next version; null: there is none. */
export async function removeWebhook(tx: Tx, userId: string, webhookId: string): Promise<StoredWebhook | null> {
	const [row] = await tx.query<Row>(
		`DELETE FROM webhooks WHERE webhook_id = $1 AND user_id = $2 RETURNING ${COLUMNS}`,
		[webhookId, userId],
	);
	return row ? webhookOf({ ...row, version: row.version + 1 }) : null;
}

/** The webhooks of `userIds` that are not disabled, by user; they are not removed before the transaction ends. */
export async function activeWebhooks(tx: Tx, userIds: readonly string[]): Promise<Map<string, RoutedWebhook[]>> {
	const rows = await tx.query<Pick<Row, "webhook_id" | "user_id" | "kinds">>(
		`SELECT webhook_id, user_id, kinds FROM webhooks
		WHERE user_id = ANY($1::uuid[]) AND disabled_at IS NULL ORDER BY webhook_id FOR KEY SHARE`,
		[userIds],
	);
	const byUser = Map.groupBy(rows, (row) => row.user_id);
	return new Map(
		[...byUser].map(([userId, own]) => [
			userId,
			own.map(({ webhook_id, kinds }) => ({ webhookId: webhook_id, kinds })),
		]),
	);
}

/**
 * Disables a webhook with all that waits for it, unless something has arrived there since `since`; gives it under its
 * next version, or null.
 */
export async function disableSilent(
	tx: Tx,
	webhookId: string,
	since: Date,
	error: string,
): Promise<StoredWebhook | null> {
	const [row] = await tx.query<Row>(
		`UPDATE webhooks SET disabled_at = now(), last_error = $3, version = version + 1
		WHERE webhook_id = $1 AND disabled_at IS NULL AND coalesce(last_success_at < $2, true) RETURNING ${COLUMNS}`,
		[webhookId, since, error],
	);
	if (!row) return null;
	await tx.query(
		`UPDATE dispatches SET state = 'failed', finished_at = now(), last_error = 'The webhook is disabled'
		WHERE webhook_id = $1 AND state = 'pending'`,
		[webhookId],
	);
	return webhookOf(row);
}

/** The id that a webhook has in events. */
export function aggregateOf(webhookId: string): string {
	return `webhook:${webhookId}`;
}
