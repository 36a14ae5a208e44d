import type { Context } from "moleculer";
import type { Meta, Page, PageQuery } from "../../contracts/index.ts";
import type {
	Notification,
	NotificationPreferences,
	NotificationsApi,
	Webhook,
	WebhookDelivery,
} from "../../contracts/notifications.ts";
import { callerOf } from "../../lib/caller.ts";
import { NUMBER_KEY, pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import { deliveriesOf } from "./dispatch.store.ts";
import { preferencesOf, shownBroadcasts } from "./domain/preferences.ts";
import { readInbox } from "./inbox.store.ts";
import { noWebhook } from "./notifications.commands.ts";
import { readChoices } from "./recipient.store.ts";
import { listWebhooks, shown } from "./webhook.store.ts";

type Request<A extends keyof NotificationsApi> = Context<Parameters<NotificationsApi[A]>[0], Meta>;

/** The caller's inbox, newest first. */
export async function listInbox({ db }: Database, ctx: Request<"list">): Promise<Page<Notification>> {
	const { user_id } = callerOf(ctx);
	const { kind = null, unread = null } = ctx.params;
	const { limit, after } = positionOf(ctx.params, UUID_KEY);
	const choices = (await readChoices(db, [user_id])).get(user_id) ?? {};
	const filter = { after, limit: limit + 1, kind, unread, broadcasts: shownBroadcasts(choices) };
	const rows = await readInbox(db, user_id, filter);
	return pageOf(
		rows,
		limit,
		(row) => row.notification_id,
		(row) => row,
	);
}

/** Where the caller's notifications go. */
export async function readPreferences({ db }: Database, userId: string): Promise<NotificationPreferences> {
	return preferencesOf((await readChoices(db, [userId])).get(userId) ?? {});
}

/** The caller's webhooks, oldest first. */
export async function readWebhooks({ db }: Database, userId: string): Promise<{ readonly items: readonly Webhook[] }> {
	return { items: (await listWebhooks(db, userId)).map(shown) };
}

/** What was sent to a webhook of the caller, or is to be, newest first. */
export async function listDeliveries({ db }: Database, ctx: Request<"deliveries">): Promise<Page<WebhookDelivery>> {
	const { webhook_id, ...query } = ctx.params;
	const { limit, after } = positionOf(query satisfies PageQuery, NUMBER_KEY);
	const { user_id } = callerOf(ctx);
	const webhooks = await listWebhooks(db, user_id);
	if (!webhooks.some((webhook) => webhook.webhook_id === webhook_id))
		throw await noWebhook({ db }, user_id, webhook_id);
	const rows = await deliveriesOf(db, webhook_id, after, limit + 1);
	return pageOf(
		rows,
		limit,
		(row) => row.dispatch_id,
		({ dispatch_id: _, ...delivery }) => delivery,
	);
}
