import type { Service } from "moleculer";
import type { Envelope } from "../contracts/events.ts";
import type { Db, Tx } from "../lib/db.ts";
import { joinBus, leaveBus } from "../lib/event-bus/bus.ts";
import { startConsumer } from "../lib/event-bus/consumer.ts";
import { type DeliveryCounts, deliveryCounts } from "../lib/event-bus/deliveries.ts";
import { addOutermost } from "../lib/event-bus/lifecycle.ts";
import type { Consumption } from "../lib/event-bus/transport.ts";
import { mixin } from "../lib/service.ts";

/** What a service that consumes events has. */
export interface Consumer {
	/** How many events wait to be tried again or are dead letters. */
	deliveryCounts(): Promise<DeliveryCounts>;
}

interface Vars {
	readonly db: Db;
	consumption: Consumption | null;
}

interface Options {
	/** False when the handlers change nothing for an event that comes again: then no inbox rows are kept. */
	readonly inbox?: boolean;
}

type Handlers = Readonly<Record<string, (tx: Tx, events: readonly Envelope[]) => Promise<void>>>;

/** Feeds the handlers under `consumes` of the service `name` from the event bus. Needs `database(name)`. */
export function consumer(name: string, options: Options = {}) {
	return mixin<Consumer, Vars>({
		methods: {
			deliveryCounts() {
				return deliveryCounts(this.db);
			},
		},
		merged(schema) {
			addOutermost<Vars>(
				schema,
				function started() {
					const { consumes } = this.schema as unknown as { readonly consumes: Handlers };
					this.consumption = startConsumer({
						name,
						db: this.db,
						transport: joinBus(this.broker),
						handlers: boundTo(this, consumes),
						logger: this.logger,
						...options,
					});
				},
				async function stopped() {
					if (!this.consumption) return;
					await this.consumption.stop();
					await leaveBus(this.broker);
				},
			);
		},
		created() {
			this.consumption = null;
		},
	});
}

/** One function under several types stays one, so that it gets their events together. */
function boundTo(service: Service, handlers: Handlers): Handlers {
	const bound = new Map(Object.values(handlers).map((handler) => [handler, handler.bind(service)]));
	return Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, bound.get(handler) ?? handler]));
}
