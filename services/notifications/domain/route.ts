import type { NotificationKind } from "../../../contracts/notifications.ts";
import type { Notice } from "./notices.ts";
import { type Choices, channelsOf } from "./preferences.ts";

/** A webhook as far as it matters for what goes to it. */
export interface RoutedWebhook {
	readonly webhookId: string;
	readonly kinds: readonly NotificationKind[] | null;
}

/** Where a notice goes; `sendTo` has webhooks by their ids, and null for mail. */
export interface Route {
	readonly inInbox: boolean;
	readonly sendTo: readonly (string | null)[];
}

/** Whoever was away for so long needs no message of what happened then: it is in the inbox. */
const MAX_SENT_AGE_MS = 24 * 3_600_000;

/** Where a notice for one user goes, or null when the user wants it nowhere. */
export function routeOf(
	notice: Pick<Notice, "kind" | "at">,
	choices: Choices,
	webhooks: readonly RoutedWebhook[],
	nowMs: number,
): Route | null {
	const { inbox, email, webhook } = channelsOf(choices, notice.kind);
	const wanting = webhook ? webhooks.filter(({ kinds }) => kinds === null || kinds.includes(notice.kind)) : [];
	const sendTo = [...(email ? [null] : []), ...wanting.map(({ webhookId }) => webhookId)];
	const route = { inInbox: inbox, sendTo: isNews(notice, nowMs) ? sendTo : [] };
	return route.inInbox || route.sendTo.length > 0 ? route : null;
}

/** Whether what a notice tells of is so recent that it is also sent. */
export function isNews({ at }: Pick<Notice, "at">, nowMs: number): boolean {
	return nowMs - Date.parse(at) <= MAX_SENT_AGE_MS;
}
