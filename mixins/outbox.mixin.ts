import type { Service } from "moleculer";
import type { Db, Tx } from "../lib/db.ts";
import { joinBus, leaveBus } from "../lib/event-bus/bus.ts";
import { addOutermost } from "../lib/event-bus/lifecycle.ts";
import { type OutboxLag, outboxLag, type Staged, stage } from "../lib/event-bus/outbox.ts";
import { type Relay, startRelay } from "../lib/event-bus/relay.ts";
import { mixin } from "../lib/service.ts";

/** What a service that tells events has. */
export interface Outbox {
	/** Writes events in the transaction of the change that they tell of, so that neither can be without the other. */
	stage(tx: Tx, events: readonly Staged[]): Promise<void>;
	/** What waits to be published. */
	outboxLag(): Promise<OutboxLag>;
}

interface Vars {
	readonly db: Db;
	relay: Relay | null;
}

/** Gives the service `name` an outbox, and publishes it while the broker runs. Needs `database(name)`. */
export function outbox(name: string) {
	function start(service: Service & Vars): void {
		const transport = joinBus(service.broker);
		service.relay = startRelay({ db: service.db, source: name, transport, logger: service.logger });
	}

	return mixin<Outbox, Vars>({
		methods: {
			async stage(tx, events) {
				await stage(tx, name, events);
				tx.afterCommit(() => this.relay?.kick());
			},
			outboxLag() {
				return outboxLag(this.db);
			},
		},
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
					if (!this.relay) return;
					await this.relay.stop();
					this.relay = null;
					await leaveBus(this.broker);
				},
			);
		},
		created() {
			this.relay = null;
		},
	});
}
