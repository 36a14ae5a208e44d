import type { Channels, NotificationKind, WebhookDelivery } from "../../contracts/notifications.ts";
import type { Db, Tx } from "../../lib/db.ts";

/** A notification and one place that it is to be sent to: a webhook, or by mail. */
interface NewDispatch {
	readonly notificationId: string;
	readonly userId: string;
	readonly webhookId: string | null;
}

/** What is to be sent now. */
export interface Dispatch {
	readonly dispatchId: string;
	/** The webhook, or the user's mail: of one lane few are under way at a time. */
	readonly lane: string;
	/** How often it has been tried. */
	readonly attempts: number;
	readonly createdAt: Date;
	readonly notification: {
		readonly notification_id: string;
		readonly kind: NotificationKind;
		readonly title: string;
		readonly body: string;
		readonly data: Readonly<Record<string, unknown>>;
		readonly created_at: string;
	};
	readonly suspended: boolean;
	/** Null until `users` has told of the user. */
	readonly email: string | null;
	readonly webhook: DispatchedTo | null;
}

interface DispatchedTo {
	readonly id: string;
	readonly url: string;
	readonly secret: string;
	readonly disabled: boolean;
}

/** Writes down what is to be sent, once. */
export function insertDispatches(tx: Tx, dispatches: readonly NewDispatch[]): void {
	if (dispatches.length === 0) return;
	tx.execute(
		`INSERT INTO dispatches (notification_id, user_id, webhook_id)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING`,
		[
			dispatches.map((dispatch) => dispatch.notificationId),
			dispatches.map((dispatch) => dispatch.userId),
			dispatches.map((dispatch) => dispatch.webhookId),
		],
	);
}

/** Writes down that what is for everybody is to be sent to whoever wants it; `channels` hold where none is chosen. */
export function insertBroadcast(tx: Tx, notificationId: string, kind: NotificationKind, channels: Channels): void {
	tx.execute(
		`INSERT INTO dispatches (notification_id, user_id, webhook_id)
		SELECT $1::uuid, user_id, NULL FROM recipients
		WHERE NOT suspended AND coalesce((choices -> $2 ->> 'email')::boolean, $3)
		UNION ALL
		SELECT $1::uuid, w.user_id, w.webhook_id FROM webhooks w LEFT JOIN recipients r USING (user_id)
		WHERE w.disabled_at IS NULL AND (w.kinds IS NULL OR $2 = ANY(w.kinds)) AND r.suspended IS NOT TRUE
			AND coalesce((r.choices -> $2 ->> 'webhook')::boolean, $4)
		ON CONFLICT DO NOTHING`,
		[notificationId, kind, channels.email, channels.webhook],
	);
}

export type SendingChannel = "email" | "webhook";

interface Claim {
	readonly channel: SendingChannel;
	readonly limit: number;
	readonly perLane: number;
	/** Only of webhooks whose last try failed, or only of the others; null: of any lane. */
	readonly failing: boolean | null;
	/** The lanes that have enough under way. */
	readonly except: readonly string[];
	/** For how long nobody else takes what was claimed: whoever does not settle it until then has died. */
	readonly leaseMs: number;
}

interface ClaimedRow {
	dispatch_id: string;
	lane: string;
	attempts: number;
	created_at: Date;
	notification_id: string;
	kind: NotificationKind;
	title: string;
	body: string;
	data: Readonly<Record<string, unknown>>;
	happened_at: Date;
	suspended: boolean | null;
	email: string | null;
	webhook_id: string | null;
	url: string;
	secret: string;
	disabled: boolean;
}

/** So many that are due are looked through; where all are of one lane, it is left out the next time. */
const LOOKED_THROUGH = 1_000;

/** Takes what is due, so that no other node does. */
export async function claimDispatches(db: Db, claim: Claim): Promise<Dispatch[]> {
	const rows = await db.query<ClaimedRow>(
		`WITH due AS (
			SELECT dispatch_id, row_number() OVER (PARTITION BY lane ORDER BY next_try_at, dispatch_id) AS place FROM (
				SELECT dispatch_id, lane, next_try_at FROM dispatches d
				WHERE state = 'pending' AND (webhook_id IS NULL) = $5 AND next_try_at <= now()
					AND lane <> ALL ($1::text[]) AND ($6::boolean IS NULL OR $6 = (
						SELECT last_error IS NOT NULL FROM webhooks w WHERE w.webhook_id = d.webhook_id
					))
				ORDER BY next_try_at LIMIT ${LOOKED_THROUGH}
			) AS first
		), free AS (
			SELECT dispatch_id FROM dispatches JOIN due USING (dispatch_id)
			WHERE place <= $2 AND state = 'pending' AND next_try_at <= now()
			ORDER BY next_try_at, dispatch_id LIMIT $3 FOR UPDATE OF dispatches SKIP LOCKED
		), claimed AS (
			UPDATE dispatches SET next_try_at = now() + $4 * interval '1 millisecond'
			WHERE dispatch_id IN (SELECT dispatch_id FROM free) RETURNING *
		)
		SELECT c.dispatch_id, c.lane, c.attempts, c.created_at, n.notification_id, n.kind, n.title, n.body, n.data,
			n.created_at AS happened_at, r.suspended, r.email, w.webhook_id, w.url, w.secret,
			w.disabled_at IS NOT NULL AS disabled
		FROM claimed c JOIN notifications n USING (notification_id)
		LEFT JOIN recipients r ON r.user_id = c.user_id LEFT JOIN webhooks w ON w.webhook_id = c.webhook_id
		ORDER BY c.dispatch_id`,
		[claim.except, claim.perLane, claim.limit, claim.leaseMs, claim.channel === "email", claim.failing],
	);
	return rows.map(dispatchOf);
}

function dispatchOf(row: ClaimedRow): Dispatch {
	const { notification_id, kind, title, body, data, webhook_id, url, secret, disabled } = row;
	return {
		dispatchId: row.dispatch_id,
		lane: row.lane,
		attempts: row.attempts,
		createdAt: row.created_at,
		notification: { notification_id, kind, title, body, data, created_at: row.happened_at.toISOString() },
		suspended: row.suspended === true,
		email: row.email,
		webhook: webhook_id === null ? null : { id: webhook_id, url, secret, disabled },
	};
}

/** Writes down that it has arrived. The webhook comes first, as it does for whoever removes or disables it. */
export async function noteSent(tx: Tx, { dispatchId, webhook }: Dispatch): Promise<void> {
	if (webhook)
		await tx.query("UPDATE webhooks SET last_success_at = now(), last_error = NULL WHERE webhook_id = $1", [
			webhook.id,
		]);
	await tx.query(
		`UPDATE dispatches SET state = 'sent', attempts = attempts + 1, last_error = NULL, finished_at = now()
		WHERE dispatch_id = $1 AND state = 'pending'`,
		[dispatchId],
	);
}

/** Writes down a try that has failed, and when to try again: after `delayMs`, or never when that is null. */
export async function noteFailed(
	tx: Tx,
	{ dispatchId, attempts, webhook }: Dispatch,
	error: string,
	delayMs: number | null,
): Promise<void> {
	if (webhook) await tx.query("UPDATE webhooks SET last_error = $2 WHERE webhook_id = $1", [webhook.id, error]);
	// Somebody else may have tried it too, when the claim had run out.
	await tx.query(
		`UPDATE dispatches SET attempts = attempts + 1, last_error = $3,
			next_try_at = now() + coalesce($4::integer, 0) * interval '1 millisecond',
			state = CASE WHEN $4::integer IS NULL THEN 'failed' ELSE state END,
			finished_at = CASE WHEN $4::integer IS NULL THEN now() END
		WHERE dispatch_id = $1 AND state = 'pending' AND attempts = $2`,
		[dispatchId, attempts, error, delayMs],
	);
}

/** What was sent to a user's webhook, or is to be, newest first; before the position `after` unless that is null. */
export async function deliveriesOf(
	db: Db,
	webhookId: string,
	after: string | null,
	limit: number,
): Promise<(WebhookDelivery & { readonly dispatch_id: string })[]> {
	const rows = await db.query<DeliveryRow>(
		`SELECT dispatch_id, notification_id, n.kind, state, attempts, last_error, next_try_at, d.created_at, finished_at
		FROM dispatches d JOIN notifications n USING (notification_id)
		WHERE webhook_id = $1 AND ($2::bigint IS NULL OR dispatch_id < $2) ORDER BY dispatch_id DESC LIMIT $3`,
		[webhookId, after, limit],
	);
	return rows.map((row) => ({
		...row,
		next_try_at: row.state === "pending" ? row.next_try_at.toISOString() : null,
		created_at: row.created_at.toISOString(),
		finished_at: row.finished_at?.toISOString() ?? null,
	}));
}

type Times = "next_try_at" | "created_at" | "finished_at";
type DeliveryRow = Omit<WebhookDelivery, Times> & {
	readonly dispatch_id: string;
	readonly next_try_at: Date;
	readonly created_at: Date;
	readonly finished_at: Date | null;
};
