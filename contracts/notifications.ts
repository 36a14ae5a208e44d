import type { Page, PageQuery, Repeatable, Timestamp, WithSecret } from "./common.ts";

/** What a notification can be about. The names are stable: programs switch on them. */
export type NotificationKind =
	| "order_filled"
	| "order_partly_filled"
	| "order_rejected"
	| "order_canceled"
	| "order_expired"
	| "stop_triggered"
	| "login_new_place"
	| "key_created"
	| "limits_changed"
	| "trading_halted"
	| "market_halted"
	| "webhook_disabled";

/** The ways on which a notification reaches its user. */
export interface Channels {
	readonly inbox: boolean;
	readonly email: boolean;
	readonly webhook: boolean;
}

export type NotificationPreferences = Readonly<Record<NotificationKind, Channels>>;

/** What is not given stays as it is. */
export type PreferencesChange = { readonly [K in NotificationKind]?: Partial<Channels> };

/** `title` is one line of text, `body` a sentence or two, `data` the same for programs. */
export interface Notification {
	readonly notification_id: string;
	readonly kind: NotificationKind;
	readonly title: string;
	readonly body: string;
	readonly data: Readonly<Record<string, unknown>>;
	/** When that which it tells of happened. */
	readonly created_at: Timestamp;
	readonly read_at: Timestamp | null;
}

/** Where a user has notifications sent to. `kinds` null is all; a disabled one gets nothing any more. */
export interface Webhook {
	readonly webhook_id: string;
	readonly url: string;
	readonly kinds: readonly NotificationKind[] | null;
	readonly status: "active" | "disabled";
	/** Why the last try failed; null when it did not. */
	readonly last_error: string | null;
	readonly created_at: Timestamp;
}

/** A new webhook with the secret that its messages are signed by. */
export type NewWebhook = WithSecret<Webhook>;

/** How the sending of a notification to a webhook stands. */
export interface WebhookDelivery {
	readonly notification_id: string;
	readonly kind: NotificationKind;
	readonly state: "pending" | "sent" | "failed";
	/** How often it has been tried. */
	readonly attempts: number;
	readonly last_error: string | null;
	/** Null unless it is pending. */
	readonly next_try_at: Timestamp | null;
	readonly created_at: Timestamp;
	/** When it was sent or given up. */
	readonly finished_at: Timestamp | null;
}

export interface NotificationsApi {
	/** The caller's inbox, newest first. */
	list(params: PageQuery & { readonly unread?: boolean; readonly kind?: NotificationKind }): Page<Notification>;
	/** Refuses `NOT_FOUND`. */
	read(params: { readonly notification_id: string }): Notification;
	/** Gives how many were unread. */
	readAll(): { readonly read: number };
	preferences(): NotificationPreferences;
	setPreferences(params: PreferencesChange): NotificationPreferences;
	/** Refuses `MAX_WEBHOOKS`, and an address where none may be by `VALIDATION_FAILED`. */
	addWebhook(params: Repeatable & { readonly url: string; readonly kinds?: readonly NotificationKind[] }): NewWebhook;
	/** The caller's, oldest first. */
	webhooks(): { readonly items: readonly Webhook[] };
	/** Refuses `NOT_FOUND`. */
	removeWebhook(params: { readonly webhook_id: string }): { readonly removed: true };
	/** Newest first. Refuses `NOT_FOUND`. */
	deliveries(params: PageQuery & { readonly webhook_id: string }): Page<WebhookDelivery>;
}

export interface WebhookChanged {
	readonly webhook_id: string;
	readonly user_id: string;
	readonly url: string;
}

export interface NotificationsEvents {
	"notifications.webhook_added": WebhookChanged & Pick<Webhook, "kinds">;
	"notifications.webhook_removed": WebhookChanged;
	"notifications.webhook_disabled": WebhookChanged & { readonly reason: string };
	"notifications.preferences_changed": {
		readonly user_id: string;
		readonly preferences: NotificationPreferences;
	};
}
