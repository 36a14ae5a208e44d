import { v7 as newId } from "uuid";
import type { LoggedIn } from "../../contracts/auth.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { AnyEvent } from "../../contracts/index.ts";
import type { User } from "../../contracts/users.ts";
import type { Tx } from "../../lib/db.ts";
import { insertBroadcast, insertDispatches } from "./dispatch.store.ts";
import { type Notice, newPlaceNotice, noticeOf } from "./domain/notices.ts";
import { visited } from "./domain/places.ts";
import { DEFAULTS } from "./domain/preferences.ts";
import { isNews, routeOf } from "./domain/route.ts";
import { insertNotices } from "./inbox.store.ts";
import { readChoices, readPlaces, savePlaces, saveUsers } from "./recipient.store.ts";
import { activeWebhooks } from "./webhook.store.ts";

/** What is told of what has been kept for users, once it is committed. */
export interface Listener {
	kept(userIds: readonly string[]): void;
}

/** Keeps what `events` have to tell users, and what of it is to be sent. */
export async function tell(listener: Listener, tx: Tx, events: readonly AnyEvent[]): Promise<void> {
	await keep(
		listener,
		tx,
		events.flatMap((event) => noticeOf(event) ?? []),
	);
}

/** Remembers where users log in from, and tells them of places where they have not before. */
export async function tellOfLogins(
	listener: Listener,
	tx: Tx,
	events: readonly Envelope<"auth.logged_in", LoggedIn>[],
): Promise<void> {
	const logins = events
		.filter(({ data }) => data.ip !== "")
		.map(({ data: { user_id, session_id, ip, user_agent }, timestamp }) => ({
			userId: user_id,
			sessionId: session_id,
			ip,
			userAgent: user_agent,
			at: timestamp,
		}));
	const known = await readPlaces(tx, [...new Set(logins.map((login) => login.userId))]);
	const { places, news } = visited(known, logins);
	await savePlaces(tx, places);
	await keep(listener, tx, news.map(newPlaceNotice));
}

/** Follows who there is, and how they are reached. */
export async function followUsers(
	tx: Tx,
	events: readonly Envelope<"users.created" | "users.updated", User>[],
): Promise<void> {
	const users = events.map(({ data, aggregate_seq }) => ({
		userId: data.user_id,
		email: data.email,
		suspended: data.status === "suspended",
		since: data.created_at,
		seq: aggregate_seq,
	}));
	const latest = new Map(users.toSorted((a, b) => a.seq - b.seq).map((user) => [user.userId, user]));
	await saveUsers(tx, [...latest.values()]);
}

async function keep(listener: Listener, tx: Tx, notices: readonly Notice[]): Promise<void> {
	if (notices.length === 0) return;
	const nowMs = Date.now();
	const userIds = [...new Set(notices.flatMap(({ userId }) => userId ?? []))];
	const [choices, webhooks] = await Promise.all([readChoices(tx, userIds), activeWebhooks(tx, userIds)]);
	const routed = notices.flatMap((notice, seq) => {
		const own = { choices: choices.get(notice.userId ?? "") ?? {}, webhooks: webhooks.get(notice.userId ?? "") ?? [] };
		const route = routeOf(notice, own.choices, own.webhooks, nowMs);
		// Ids are in the order of what they tell of, which may all have happened in the same millisecond.
		return route ? [{ ...notice, ...route, notificationId: newId({ msecs: Date.parse(notice.at), seq }) }] : [];
	});
	const added = await insertNotices(tx, routed);
	const fresh = routed.filter(({ notificationId }) => added.has(notificationId));
	const dispatches = fresh.flatMap(({ userId, notificationId, sendTo }) =>
		userId === null ? [] : sendTo.map((webhookId) => ({ notificationId, userId, webhookId })),
	);
	insertDispatches(tx, dispatches);
	for (const { userId, notificationId, kind, ...notice } of fresh) {
		if (userId === null && isNews(notice, nowMs)) insertBroadcast(tx, notificationId, kind, DEFAULTS[kind]);
	}
	tx.afterCommit(() => listener.kept(userIds));
}
