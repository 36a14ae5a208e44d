import type { Context, ServiceBroker } from "moleculer";
import type { Replayed } from "../../contracts/common.ts";
import type {
	Envelope,
	EventSubscription,
	EventsApi,
	NewSubscription,
	Replay,
	SubscriptionChanged,
} from "../../contracts/events.ts";
import type { Meta } from "../../contracts/index.ts";
import type { User } from "../../contracts/users.ts";
import { callerOf, isAdmin, type Origin, originOf } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { EXTERNAL } from "../../lib/event-bus/sources.ts";
import { foreignId } from "../../lib/foreign.ts";
import { newId } from "../../lib/id.ts";
import { refuse, refuseFields, refuseNotFound } from "../../lib/refuse.ts";
import { checkWebhookUrl, newWebhookSecret } from "../../lib/webhook/index.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Idempotency } from "../../mixins/idempotency.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { askInbox, consumerOf, noDeadLetter } from "./consumers.ts";
import { startOf } from "./events.queries.ts";
import { headOf, record, recordedOf } from "./events.store.ts";
import { findPublication, insertPublication, lockAggregate } from "./publication.store.ts";
import { countRunning, insertReplay, shown as shownReplay } from "./replay.store.ts";
import * as store from "./subscription.store.ts";

export type EventBus = Database & Outbox & { readonly broker: ServiceBroker };
type Request<A extends keyof EventsApi> = Context<Parameters<EventsApi[A]>[0], Meta>;

const MAX_SUBSCRIPTIONS = 1_000;
const MAX_SUBSCRIPTIONS_PER_USER = 10;
const MAX_RUNNING_REPLAYS = 10;

/** Subscribes the caller to what is recorded from now on. */
export async function subscribe(bus: EventBus & Idempotency, ctx: Request<"subscribe">): Promise<NewSubscription> {
	const caller = callerOf(ctx);
	const { url, types, scope = "own" } = ctx.params;
	if (scope === "all" && !isAdmin(caller)) throw refuse("FORBIDDEN", "Only admins get everybody's events");
	const check = async () => {
		const wrong = await checkWebhookUrl(url);
		if (wrong) throw refuseFields([wrong]);
	};
	const draft = { subscriptionId: newId(), userId: caller.user_id, scope, types, url, secret: newWebhookSecret() };
	return bus.once(ctx, check, async (tx) => {
		const { all, own } = await store.admit(tx, caller.user_id);
		if (own >= MAX_SUBSCRIPTIONS_PER_USER || all >= MAX_SUBSCRIPTIONS) throw refuse("MAX_SUBSCRIPTIONS");
		const subscription = await store.insertSubscription(tx, { ...draft, position: await headOf(tx) });
		const data = { ...changeOf(subscription), types, scope };
		bus.stage(tx, [{ type: "events.subscription_added", ...placeOf(subscription), data, ...originOf(ctx) }]);
		return { ...store.shown(subscription), secret: draft.secret };
	});
}

/** Ends a subscription with what is recorded by now; one that is ending or disabled is gone at once. */
export async function unsubscribe(bus: EventBus, ctx: Request<"unsubscribe">): Promise<EventSubscription> {
	const { subscription_id: id } = ctx.params;
	const { user_id } = callerOf(ctx);
	const ended = await bus.db.transaction(async (tx) => {
		const found = await store.lockSubscription(tx, user_id, id);
		if (!found) return null;
		const ending = await store.endSubscription(tx, id, await headOf(tx));
		if (found.status !== "active") await store.removeSubscription(tx, id);
		if (found.status === "ending") return store.shown(ending);
		const data = changeOf(ending);
		bus.stage(tx, [{ type: "events.subscription_removed", ...placeOf(ending), data, ...originOf(ctx) }]);
		return store.shown(ending);
	});
	if (ended) return ended;
	const foreign = await foreignId(bus.db, { table: "subscriptions", key: "subscription_id" }, user_id, id);
	throw refuseNotFound("There is no such subscription", foreign && `subscription:${foreign}`);
}

/**
 * Disables the subscriptions of users who were suspended, in the transaction that records that they were. What is
 * recorded already changes nothing: it may be about a user who has been resumed since.
 */
export async function recordUsers(bus: EventBus, tx: Tx, events: readonly Envelope<string, User>[]): Promise<void> {
	const known = await recordedOf(
		tx,
		events.map(({ event_id }) => event_id),
	);
	record(tx, events);
	for (const { data: user, correlation_id, event_id } of events) {
		if (user.status !== "suspended" || known.has(event_id)) continue;
		const origin = { correlation_id, actor: null, causation_id: event_id };
		await disable(bus, tx, { ofUser: user.user_id }, "The user is suspended", origin);
	}
}

/** Disables subscriptions and tells of it. */
export async function disable(
	bus: EventBus,
	tx: Tx,
	which: Parameters<typeof store.disable>[1],
	reason: string,
	origin: Origin & { readonly causation_id?: string },
): Promise<void> {
	const disabled = await store.disable(tx, which, reason);
	bus.stage(
		tx,
		disabled.map((subscription) => ({
			type: "events.subscription_disabled",
			...placeOf(subscription),
			data: { ...changeOf(subscription), reason },
			...origin,
		})),
	);
}

function changeOf({ subscriptionId, userId, url }: store.StoredSubscription): SubscriptionChanged {
	return { subscription_id: subscriptionId, user_id: userId, url };
}

function placeOf({ subscriptionId, version }: store.StoredSubscription) {
	return { aggregate_id: `subscription:${subscriptionId}`, aggregate_seq: version };
}

/** Has dead letters tried anew: one, or the first thousand of a consumer. */
export async function redrive(bus: EventBus, ctx: Request<"redrive">): Promise<{ readonly redriven: number }> {
	const { consumer, event_id = null } = ctx.params;
	if (event_id && !(await askInbox(ctx, consumer, "deadLetter", { event_id }))) throw noDeadLetter();
	const place = { aggregate_id: `redrive:${newId()}`, aggregate_seq: 1 };
	const told = { type: "events.redrive_requested", ...place, data: { consumer, event_id }, ...originOf(ctx) } as const;
	await bus.db.transaction((tx) => bus.stage(tx, [told]));
	return { redriven: await askInbox(ctx, consumer, "redrive", { event_id }) };
}

/** Forgets a dead letter: its consumer will never handle that event. */
export async function discard(bus: EventBus, ctx: Request<"discard">): Promise<{ readonly discarded: true }> {
	const { consumer, event_id } = ctx.params;
	if (!(await askInbox(ctx, consumer, "deadLetter", { event_id }))) throw noDeadLetter();
	const place = { aggregate_id: `discard:${newId()}`, aggregate_seq: 1 };
	const data = { consumer, event_id };
	const told = { type: "events.dead_letter_discarded", ...place, data, ...originOf(ctx) } as const;
	await bus.db.transaction((tx) => bus.stage(tx, [told]));
	if (!(await askInbox(ctx, consumer, "discard", { event_id }))) throw noDeadLetter();
	return { discarded: true };
}

/** Begins a replay, which goes on by itself. */
export async function replay(bus: EventBus & Idempotency, ctx: Request<"replay">): Promise<Replay & Replayed> {
	const { user_id: requestedBy } = callerOf(ctx);
	const consumer = consumerOf(ctx.params.consumer);
	if (consumer === "events")
		throw refuseFields([{ pointer: "/consumer", code: "NOT_ALLOWED", message: "The history is what is replayed" }]);
	const { again = false } = ctx.params;
	const begin = () => startOf(bus.db, ctx.params);
	return bus.once(ctx, begin, async (tx, position) => {
		if ((await countRunning(tx)) >= MAX_RUNNING_REPLAYS) throw refuse("CAPACITY_EXCEEDED", "Too many replays run");
		const draft = { replayId: newId(), consumer, again, position, endPosition: await headOf(tx), requestedBy };
		const added = await insertReplay(tx, draft);
		bus.stage(tx, [
			{
				type: "events.replay_requested",
				aggregate_id: `replay:${draft.replayId}`,
				aggregate_seq: 1,
				data: { replay_id: draft.replayId, consumer, again },
				...originOf(ctx),
			},
		]);
		return shownReplay(added);
	});
}

/** Tells an event for a program that is no service, once per event id. */
export async function publish(bus: EventBus, ctx: Request<"publish">): Promise<{ readonly aggregate_seq: number }> {
	const { event_id, type, data } = ctx.params;
	const aggregate_id = `${EXTERNAL}:${ctx.params.aggregate_id}`;
	return bus.db.transaction(async (tx) => {
		const last = await lockAggregate(tx, aggregate_id);
		const earlier = await findPublication(tx, event_id);
		if (earlier) {
			const same = earlier.type === type && earlier.aggregate_id === aggregate_id;
			if (!same || JSON.stringify(earlier.data) !== JSON.stringify(data)) throw refuse("IDEMPOTENCY_KEY_REUSED");
			return { aggregate_seq: earlier.aggregate_seq };
		}
		const aggregate_seq = last + 1;
		await insertPublication(tx, event_id, aggregate_id, aggregate_seq);
		bus.stage(tx, [{ event_id, type, aggregate_id, aggregate_seq, data, ...originOf(ctx) }]);
		return { aggregate_seq };
	});
}
