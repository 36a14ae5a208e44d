import type { AnyEvent } from "../../contracts/index.ts";
import type { NotificationKind } from "../../contracts/notifications.ts";
import { callerOf } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { optionalKey } from "../../lib/idempotency.ts";
import { pageRules } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Idempotency, idempotency } from "../../mixins/idempotency.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { deliverBy } from "./deliver.ts";
import { type Dispatcher, startDispatcher } from "./dispatcher.ts";
import { KINDS } from "./domain/preferences.ts";
import { type Mailer, openMailer } from "./mail/mailer.ts";
import { addWebhook, readAll, readOne, removeWebhook, setPreferences } from "./notifications.commands.ts";
import { followUsers, type Listener, tell, tellOfLogins } from "./notifications.events.ts";
import { listDeliveries, listInbox, readPreferences, readWebhooks } from "./notifications.queries.ts";
import { type Sweeper, startSweeper } from "./sweeper.ts";

interface Own extends Listener {
	mailer: Mailer;
	dispatchers: readonly Dispatcher[];
	sweeper: Sweeper;
}

const notification_id = "uuid";
const webhook_id = "uuid";
const kind = { type: "enum", values: [...KINDS] } as const;

/** Some of the channels of each kind. */
const channel = { type: "boolean", optional: true } as const;
const channels = {
	type: "object",
	strict: true,
	optional: true,
	props: { inbox: channel, email: channel, webhook: channel },
} as const;
const preferences = Object.fromEntries(KINDS.map((name) => [name, channels])) as Record<
	NotificationKind,
	typeof channels
>;

/** One function for all these types, so that events that come together are kept together. */
function tells(this: Listener, tx: Tx, events: readonly AnyEvent[]): Promise<void> {
	return tell(this, tx, events);
}

const notifications: TypedService<"notifications", {}, Database & Outbox & Idempotency & Own> = {
	name: "notifications",
	mixins: [database("notifications"), outbox("notifications"), consumer("notifications"), idempotency()],

	actions: {
		list: {
			auth: "user",
			params: {
				$$strict: true,
				...pageRules,
				unread: { type: "boolean", optional: true },
				kind: { ...kind, optional: true },
			},
			handler(ctx) {
				return listInbox(this, ctx);
			},
		},
		read: {
			auth: "user",
			params: { $$strict: true, notification_id },
			handler(ctx) {
				return readOne(this, ctx);
			},
		},
		readAll: {
			auth: "user",
			handler(ctx) {
				return readAll(this, callerOf(ctx).user_id);
			},
		},
		preferences: {
			auth: "user",
			handler(ctx) {
				return readPreferences(this, callerOf(ctx).user_id);
			},
		},
		setPreferences: {
			auth: "user",
			params: { $$strict: true, ...preferences },
			handler(ctx) {
				return setPreferences(this, ctx);
			},
		},
		addWebhook: {
			auth: "user",
			params: {
				$$strict: true,
				url: "string",
				kinds: { type: "array", items: kind, unique: true, min: 1, optional: true },
				idempotency_key: optionalKey,
			},
			handler(ctx) {
				return addWebhook(this, ctx);
			},
		},
		webhooks: {
			auth: "user",
			handler(ctx) {
				return readWebhooks(this, callerOf(ctx).user_id);
			},
		},
		removeWebhook: {
			auth: "user",
			params: { $$strict: true, webhook_id },
			handler(ctx) {
				return removeWebhook(this, ctx);
			},
		},
		deliveries: {
			auth: "user",
			params: { $$strict: true, ...pageRules, webhook_id },
			handler(ctx) {
				return listDeliveries(this, ctx);
			},
		},
	},

	consumes: {
		"auth.key_created": tells,
		"auth.logged_in"(tx, events) {
			return tellOfLogins(this, tx, events);
		},
		"events.subscription_disabled": tells,
		"notifications.webhook_disabled": tells,
		"orders.executed": tells,
		"orders.status_updated": tells,
		"risk.limits_changed": tells,
		"risk.trading_halted": tells,
		"risk.trading_resumed": tells,
		"users.created": followUsers,
		"users.updated": followUsers,
	},

	created() {
		this.kept = (userIds) => {
			for (const dispatcher of this.dispatchers) dispatcher.kick();
			this.sweeper.grown(userIds);
		};
	},

	async started() {
		this.mailer = openMailer(this.logger);
		const deliver = deliverBy(this.mailer);
		this.dispatchers = [startDispatcher(this, "webhook", deliver), startDispatcher(this, "email", deliver)];
		this.sweeper = startSweeper(this);
	},

	async stopped() {
		await Promise.all([...this.dispatchers, this.sweeper].map((worker) => worker.stop()));
		this.mailer.close();
	},
};

export default notifications;
