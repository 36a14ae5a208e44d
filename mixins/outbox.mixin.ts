import type { Service } from "moleculer";
import type { OutboxApi } from "../contracts/event-bus.ts";
import type { Db, Tx } from "../lib/db.ts";
import { joinBus, leaveBus } from "../lib/event-bus/bus.ts";
import { addOutermost } from "../lib/event-bus/lifecycle.ts";
import { forgetTold, outboxBacklog, type Staged, stage } from "../lib/event-bus/outbox.ts";
import { type Relay, startRelay } from "../lib/event-bus/relay.ts";
import { audienceOf } from "../lib/event-bus/sources.ts";
import { pollGauges } from "../lib/metrics/poll.ts";
import { internalActions, mixin } from "../lib/service.ts";
import { tracedTransport } from "../lib/tracing/events.ts";

/** What a service that tells events has. */
export interface Outbox {
	/** Writes events in the transaction of the change that they tell of, so that neither can be without the other. */
	stage(tx: Tx, events: readonly Staged[]): void;
}

interface Vars {
	readonly db: Db;
	relay: Relay | null;
	stopOutboxGauges: (() => void) | null;
}

const GAUGES = { unpublished: "outbox_unpublished_events", oldest_age_ms: "outbox_oldest_age_ms" } as const;

/** Gives the service `name` an outbox, and publishes it while the broker runs. Needs `database(name)`. */
export function outbox(name: string) {
	function start(service: Service & Vars): void {
		const transport = tracedTransport(service.broker, name, joinBus(service.broker));
		const { db, logger } = service;
		service.relay = startRelay({ db, source: name, transport, audience: audienceOf(name), logger });
		service.stopOutboxGauges = pollGauges(service.broker, { service: name }, GAUGES, () => outboxBacklog(service.db));
	}

	return mixin<Outbox, Vars>({
		methods: {
			stage(tx, events) {
				stage(tx, name, events);
				tx.afterCommit(() => this.relay?.kick());
			},
		},
		actions: internalActions<OutboxApi, Service & Vars>("outbox", {
			backlog: ({ db }) => outboxBacklog(db),
			async forget({ db }, { events }) {
				await forgetTold(db, events);
				return null;
			},
		}),
		events: {
			// Not before every consumer of this process is there: the in-process transport keeps nothing for those to come.
			"$broker.started"(this: Service & Vars) {
				start(this);
			},
		},
		merged(schema) {
			addOutermost<Vars>(
				schema,
				function started() {
					if (this.broker.started) start(this);
				},
				async function stopped() {
					this.stopOutboxGauges?.();
					if (!this.relay) return;
					await this.relay.stop();
					this.relay = null;
					await leaveBus(this.broker);
				},
			);
		},
		created() {
			this.relay = null;
			this.stopOutboxGauges = null;
		},
	});
}
