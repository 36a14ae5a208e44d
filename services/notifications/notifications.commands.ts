import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type {
	NewWebhook,
	Notification,
	NotificationPreferences,
	NotificationsApi,
} from "../../contracts/notifications.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { foreignId } from "../../lib/foreign.ts";
import { newId } from "../../lib/id.ts";
import { refuse, refuseFields, refuseNotFound } from "../../lib/refuse.ts";
import { checkWebhookUrl, newWebhookSecret } from "../../lib/webhook/index.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Idempotency } from "../../mixins/idempotency.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { chosen, preferencesOf, shownBroadcasts } from "./domain/preferences.ts";
import { markAllRead, markRead } from "./inbox.store.ts";
import { lockRecipient, readChoices, saveChoices } from "./recipient.store.ts";
import * as store from "./webhook.store.ts";

type Request<A extends keyof NotificationsApi> = Context<Parameters<NotificationsApi[A]>[0], Meta>;

/** One for each of somebody's systems, and a few to try. */
const MAX_WEBHOOKS_PER_USER = 10;

/** Marks one of the caller's notifications as read; somebody else's is as good as none. */
export async function readOne({ db }: Database, ctx: Request<"read">): Promise<Notification> {
	const { notification_id } = ctx.params;
	const { user_id } = callerOf(ctx);
	const read = await db.transaction((tx) => markRead(tx, user_id, notification_id));
	if (read) return read;
	const foreign = await foreignId(db, { table: "notifications", key: "notification_id" }, user_id, notification_id);
	throw refuseNotFound("There is no such notification", foreign && `notification:${foreign}`);
}

/** Marks all of the caller's notifications as read. */
export function readAll({ db }: Database, userId: string): Promise<{ readonly read: number }> {
	return db.transaction(async (tx) => {
		const choices = (await readChoices(tx, [userId])).get(userId) ?? {};
		return { read: await markAllRead(tx, userId, shownBroadcasts(choices)) };
	});
}

/** Changes where the caller's notifications go. A change that changes nothing is not told. */
export function setPreferences(
	service: Database & Outbox,
	ctx: Request<"setPreferences">,
): Promise<NotificationPreferences> {
	const { user_id } = callerOf(ctx);
	return service.db.transaction(async (tx) => {
		const before = await lockRecipient(tx, user_id);
		const after = chosen(before, ctx.params);
		if (!after) return preferencesOf(before);
		const preferences = preferencesOf(after);
		service.stage(tx, [
			{
				type: "notifications.preferences_changed",
				aggregate_id: `notification-preferences:${user_id}`,
				aggregate_seq: await saveChoices(tx, user_id, after),
				data: { user_id, preferences },
				...originOf(ctx),
			},
		]);
		return preferences;
	});
}

/** Adds a webhook of the caller; gives the secret this once. */
export function addWebhook(service: Idempotency & Outbox, ctx: Request<"addWebhook">): Promise<NewWebhook> {
	const { user_id } = callerOf(ctx);
	const { url, kinds = null } = ctx.params;
	const secret = newWebhookSecret();
	const check = async () => {
		const problem = await checkWebhookUrl(url);
		if (problem) throw refuseFields([problem]);
	};
	return service.once(ctx, check, async (tx) => {
		await lockRecipient(tx, user_id);
		if ((await store.countWebhooks(tx, user_id)) >= MAX_WEBHOOKS_PER_USER)
			throw refuse("MAX_WEBHOOKS", "No more webhooks can be added", { limit: MAX_WEBHOOKS_PER_USER });
		const webhook = await store.insertWebhook(tx, { webhook_id: newId(), user_id, url, kinds, secret });
		const { webhook_id, version } = webhook;
		service.stage(tx, [
			{
				type: "notifications.webhook_added",
				aggregate_id: store.aggregateOf(webhook_id),
				aggregate_seq: version,
				data: { webhook_id, user_id, url, kinds },
				...originOf(ctx),
			},
		]);
		return { ...store.shown(webhook), secret };
	});
}

/** Removes a webhook of the caller, and with it all that waited to be sent there. */
export async function removeWebhook(
	service: Database & Outbox,
	ctx: Request<"removeWebhook">,
): Promise<{ readonly removed: true }> {
	const caller = callerOf(ctx);
	const found = await service.db.transaction(async (tx) => {
		const removed = await store.removeWebhook(tx, caller.user_id, ctx.params.webhook_id);
		if (!removed) return false;
		const { webhook_id, user_id, url, version } = removed;
		service.stage(tx, [
			{
				type: "notifications.webhook_removed",
				aggregate_id: store.aggregateOf(webhook_id),
				aggregate_seq: version,
				data: { webhook_id, user_id, url },
				...originOf(ctx),
			},
		]);
		return true;
	});
	if (!found) throw await noWebhook(service, caller.user_id, ctx.params.webhook_id);
	return { removed: true };
}

/** The refusal of a webhook that is not the user's. */
export async function noWebhook({ db }: Database, userId: string, webhookId: string): Promise<Error> {
	const foreign = await foreignId(db, { table: "webhooks", key: "webhook_id" }, userId, webhookId);
	return refuseNotFound("There is no such webhook", foreign && store.aggregateOf(foreign));
}
