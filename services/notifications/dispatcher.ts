import type { Logger } from "moleculer";
import type { Tx } from "../../lib/db.ts";
import { pause } from "../../lib/event-bus/leader.ts";
import { newId } from "../../lib/id.ts";
import { retryDelayMs } from "../../lib/webhook/index.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import type { Deliver, Outcome } from "./deliver.ts";
import { claimDispatches, type Dispatch, noteFailed, noteSent, type SendingChannel } from "./dispatch.store.ts";
import { aggregateOf, disableSilent } from "./webhook.store.ts";

/** Lanes that share places. A lane is what goes to one webhook, or to one user by mail. */
interface Group {
	/** Whether it is that of the webhooks whose last try failed, or that of the others; null: of all lanes. */
	readonly failing: boolean | null;
	/** Messages under way at once, in all and of one lane. */
	readonly inAll: number;
	readonly perLane: number;
}

/**
 * A message that waits costs no more than a socket. Webhooks that fail share half of the places, so that those that
 * hang hold up no others, however many they are. Mail has places of its own, so that a mail server that hangs holds up
 * no webhook.
 */
const GROUPS: Readonly<Record<SendingChannel, readonly Group[]>> = {
	webhook: [
		{ failing: false, inAll: 100, perLane: 4 },
		{ failing: true, inAll: 50, perLane: 1 },
	],
	email: [{ failing: null, inAll: 8, perLane: 2 }],
};
/** Longer than any try takes; what a node that has died had begun is begun again after it. */
const LEASE_MS = 60_000;
/** How soon is seen what has become due, and what another node has left. */
const POLL_MS = 1_000;
/** When the node stops: what takes longer is left, and is begun again by another. */
const STOP_GRACE_MS = 2_000;

type Host = Database & Pick<Outbox, "stage"> & { readonly logger: Pick<Logger, "warn"> };

/** Sends what is to be sent by one channel. Every node has one; each dispatch is taken by one of them. */
export interface Dispatcher {
	/** Tells that there is something to send. */
	kick(): void;
	stop(): Promise<void>;
}

/**
 * Sends until it is stopped, each dispatch until it has arrived or `delayMs` gives up. A webhook where nothing has
 * arrived for the whole time that one was tried is disabled.
 */
export function startDispatcher(
	host: Host,
	channel: SendingChannel,
	deliver: Deliver,
	delayMs = retryDelayMs,
): Dispatcher {
	const groups = GROUPS[channel];
	const inAll = Math.max(...groups.map((group) => group.inAll));
	const sending = new Map<string, { readonly lane: string; readonly group: Group; readonly done: Promise<void> }>();
	let wake = new AbortController();
	let stopped = false;
	let failures = 0;
	const running = run();

	async function run(): Promise<void> {
		while (!stopped) {
			wake = new AbortController();
			try {
				await beginAll();
				failures = 0;
			} catch (error) {
				failures += 1;
				if (failures === 1) host.logger.warn("notifications wait to be sent", error);
			}
			await pause(POLL_MS, wake.signal);
		}
	}

	async function beginAll(): Promise<void> {
		for (let begun = true; begun; ) {
			begun = false;
			for (const group of groups) if (await beginSome(group)) begun = true;
		}
	}

	/** Gives whether there was something to begin. */
	async function beginSome(group: Group): Promise<boolean> {
		const underWay = [...sending.values()];
		const own = underWay.filter((one) => one.group === group).length;
		const limit = Math.min(inAll - underWay.length, group.inAll - own);
		if (stopped || limit <= 0) return false;
		const { failing, perLane } = group;
		// A lane has its next few once all of the last few are through.
		const except = [...new Set(underWay.map(({ lane }) => lane))];
		const claimed = await claimDispatches(host.db, { channel, failing, limit, perLane, except, leaseMs: LEASE_MS });
		for (const dispatch of claimed) begin(dispatch, group);
		return claimed.length > 0;
	}

	function begin(dispatch: Dispatch, group: Group): void {
		const { dispatchId, lane } = dispatch;
		const done = deliver(dispatch)
			.then((outcome) => settle(host, dispatch, outcome, delayMs))
			.catch((error) => host.logger.warn(`dispatch ${dispatchId} is tried again later`, error))
			.finally(() => {
				sending.delete(dispatchId);
				if (![...sending.values()].some((other) => other.lane === lane)) wake.abort();
			});
		sending.set(dispatchId, { lane, group, done });
	}

	return {
		kick: () => wake.abort(),
		async stop() {
			stopped = true;
			wake.abort();
			await running;
			const grace = new AbortController();
			const all = Promise.all([...sending.values()].map(({ done }) => done));
			await Promise.race([all, pause(STOP_GRACE_MS, grace.signal)]);
			grace.abort();
		},
	};
}

/** Writes down what has become of a try. */
async function settle(
	host: Host,
	dispatch: Dispatch,
	outcome: Outcome,
	delayMs: (failures: number) => number | null,
): Promise<void> {
	await host.db.transaction(async (tx) => {
		if (outcome.ok) return noteSent(tx, dispatch);
		const delay = outcome.final ? null : delayMs(dispatch.attempts + 1);
		await noteFailed(tx, dispatch, outcome.error, delay);
		if (delay === null && !outcome.final && dispatch.webhook)
			await disable(host, tx, dispatch.webhook.id, dispatch.createdAt, outcome.error);
	});
}

async function disable(host: Host, tx: Tx, webhookId: string, since: Date, reason: string): Promise<void> {
	const disabled = await disableSilent(tx, webhookId, since, reason);
	if (!disabled) return;
	const { webhook_id, user_id, url, version } = disabled;
	host.stage(tx, [
		{
			type: "notifications.webhook_disabled",
			aggregate_id: aggregateOf(webhook_id),
			aggregate_seq: version,
			data: { webhook_id, user_id, url, reason },
			correlation_id: newId(),
			actor: null,
		},
	]);
}
