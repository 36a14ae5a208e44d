import { callerOf } from "../../lib/caller.ts";
import { joinBus, leaveBus } from "../../lib/event-bus/bus.ts";
import { optionalKey } from "../../lib/idempotency.ts";
import { LOCKS } from "../../lib/locks.ts";
import { pageRules } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { timestampRule } from "../../lib/time.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { database } from "../../mixins/database.mixin.ts";
import { type Idempotency, idempotency } from "../../mixins/idempotency.mixin.ts";
import { outbox } from "../../mixins/outbox.mixin.ts";
import { type Settings, settings } from "../../mixins/settings.mixin.ts";
import { type Background, startBackground } from "./background.ts";
import { backlogOfAll } from "./consumers.ts";
import { type Dispatcher, openDispatcher } from "./dispatcher.ts";
import { TYPE_PATTERN } from "./domain/subscription.ts";
import * as commands from "./events.commands.ts";
import * as queries from "./events.queries.ts";
import { record } from "./events.store.ts";
import { runReplays } from "./replayer.ts";
import { retain } from "./retention.ts";

const MAX_LIMIT = 500;
const MAX_TYPES = 50;
const MAX_URL_LENGTH = 2_048;
const DISPATCH_EVERY_MS = 200;
const REPLAY_EVERY_MS = 1_000;
const RETAIN_EVERY_MS = 10 * 60_000;

/** Ids and types are printable ASCII; anything else finds nothing, and NUL would be an error of the database. */
const text = { type: "string", pattern: /^[\x20-\x7e]{1,200}$/, optional: true } as const;
const limit = { type: "number", integer: true, min: 1, max: MAX_LIMIT, optional: true } as const;
const name = { type: "string", max: 32 } as const;
const flag = { type: "boolean", optional: true } as const;

interface Parts {
	dispatcher: Dispatcher;
	background: Background | null;
}

const events: TypedService<"events", {}, commands.EventBus & Idempotency & Settings & Parts> = {
	name: "events",
	// Recording is idempotent by event id, so that an inbox would only say again what the history says.
	mixins: [
		database("events"),
		outbox("events"),
		consumer("events", { recordedIn: "events" }),
		idempotency(),
		settings(),
	],

	actions: {
		query: {
			auth: "auditor",
			params: {
				$$strict: true,
				after: text,
				limit,
				type: text,
				aggregate_id: text,
				correlation_id: text,
				since: timestampRule(),
				until: timestampRule(),
			},
			handler(ctx) {
				return queries.queryHistory(this.db, ctx.params);
			},
		},
		tail: {
			auth: "auditor",
			params: { $$strict: true, limit, type: text },
			handler(ctx) {
				return queries.tailOfHistory(this.db, ctx.params);
			},
		},
		publish: {
			auth: "internal",
			params: {
				$$strict: true,
				event_id: "uuid",
				type: { type: "string", pattern: /^external\.[a-z][a-z0-9_]{0,63}$/ },
				aggregate_id: { type: "string", pattern: /^[\x21-\x7e]{1,100}$/ },
				data: "object",
			},
			handler(ctx) {
				return commands.publish(this, ctx);
			},
		},
		backlog: {
			auth: "auditor",
			handler(ctx) {
				return backlogOfAll(ctx);
			},
		},
		subscribe: {
			auth: "user",
			params: {
				$$strict: true,
				url: { type: "string", min: 1, max: MAX_URL_LENGTH },
				types: {
					type: "array",
					items: { type: "string", pattern: TYPE_PATTERN, max: 64 },
					min: 1,
					max: MAX_TYPES,
					unique: true,
				},
				scope: { type: "enum", values: ["own", "all"], optional: true },
				idempotency_key: optionalKey,
			},
			handler(ctx) {
				return commands.subscribe(this, ctx);
			},
		},
		subscriptions: {
			auth: "user",
			async handler(ctx) {
				return { items: await queries.subscriptionsOf(this.db, callerOf(ctx).user_id) };
			},
		},
		unsubscribe: {
			auth: "user",
			params: { $$strict: true, subscription_id: "uuid" },
			handler(ctx) {
				return commands.unsubscribe(this, ctx);
			},
		},
		deadLetters: {
			auth: "auditor",
			params: { $$strict: true, ...pageRules, consumer: { ...name, optional: true } },
			handler(ctx) {
				return queries.listDeadLetters(ctx, ctx.params);
			},
		},
		deadLetter: {
			auth: "auditor",
			params: { $$strict: true, consumer: name, event_id: "uuid" },
			handler(ctx) {
				return queries.getDeadLetter(ctx, ctx.params.consumer, ctx.params.event_id);
			},
		},
		redrive: {
			auth: "admin",
			params: { $$strict: true, consumer: name, event_id: { type: "uuid", optional: true } },
			handler(ctx) {
				return commands.redrive(this, ctx);
			},
		},
		discard: {
			auth: "admin",
			params: { $$strict: true, consumer: name, event_id: "uuid" },
			handler(ctx) {
				return commands.discard(this, ctx);
			},
		},
		replay: {
			auth: "admin",
			params: {
				$$strict: true,
				consumer: name,
				after: text,
				since: timestampRule(),
				again: flag,
				idempotency_key: optionalKey,
			},
			handler(ctx) {
				return commands.replay(this, ctx);
			},
		},
		replays: {
			auth: "auditor",
			async handler() {
				return { items: await queries.recentReplays(this.db) };
			},
		},
		replayOf: {
			auth: "auditor",
			params: { $$strict: true, replay_id: "uuid" },
			handler(ctx) {
				return queries.getReplay(this.db, ctx.params.replay_id);
			},
		},
	},

	consumes: {
		"users.updated"(tx, batch) {
			return commands.recordUsers(this, tx, batch);
		},
		"*": (tx, batch) => record(tx, batch),
	},

	created() {
		this.dispatcher = openDispatcher(this);
		this.background = null;
	},

	async started() {
		const transport = joinBus(this.broker);
		this.background = startBackground(this, LOCKS.background, [
			{ everyMs: DISPATCH_EVERY_MS, run: (signal) => this.dispatcher.round(signal) },
			{ everyMs: REPLAY_EVERY_MS, run: (signal) => runReplays(this, signal) },
			{ everyMs: RETAIN_EVERY_MS, run: (signal) => retain(this, transport, signal) },
		]);
	},

	async stopped() {
		await this.background?.stop();
		await this.dispatcher.idle();
		await leaveBus(this.broker);
	},
};

export default events;
