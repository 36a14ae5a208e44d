import type { Service } from "moleculer";
import type { InboxApi } from "../contracts/event-bus.ts";
import type { Envelope } from "../contracts/events.ts";
import type { Db, Tx } from "../lib/db.ts";
import { joinBus, leaveBus } from "../lib/event-bus/bus.ts";
import { type Consumer, startConsumer } from "../lib/event-bus/consumer.ts";
import { discard, findDeadLetter, listDeadLetters, redrive } from "../lib/event-bus/dead-letters.ts";
import { deliveryCounts } from "../lib/event-bus/deliveries.ts";
import { forgetTakenOver, unhandledOf } from "../lib/event-bus/inbox.ts";
import { addOutermost } from "../lib/event-bus/lifecycle.ts";
import { pollGauges } from "../lib/metrics/poll.ts";
import { internalActions, mixin } from "../lib/service.ts";
import { traceHandling } from "../lib/tracing/events.ts";

interface Vars {
	readonly db: Db;
	consumption: Consumer | null;
	stopGauges: (() => void) | null;
}

interface Options {
	/** The service's own table with an `event_id` for each event it has handled: then it keeps no inbox besides. */
	readonly recordedIn?: string;
	/** Types under `*` that it does not handle after all. */
	readonly except?: readonly string[];
}

type Handlers = Readonly<Record<string, (tx: Tx, events: readonly Envelope[]) => Promise<void> | void>>;
type Consuming = Service & Vars;

/** Feeds the handlers under `consumes` of the service `name` from the event bus. Needs `database(name)`. */
export function consumer(name: string, { recordedIn, except = [] }: Options = {}) {
	const handles = (service: Service, type: string) => {
		const handlers = handlersOf(service);
		return (type in handlers || "*" in handlers) && !except.includes(type);
	};

	return mixin<{}, Vars>({
		methods: {},
		actions: internalActions<InboxApi, Consuming>("inbox", {
			backlog: (service) => backlogOf(service),
			deadLetters: ({ db }, { after, limit }) => listDeadLetters(db, name, after, limit),
			deadLetter: ({ db }, { event_id }) => findDeadLetter(db, name, event_id),
			redrive: ({ db }, { event_id }) => redrive(db, event_id),
			discard: ({ db }, { event_id }) => discard(db, event_id),
			async take(service, { events, again }) {
				const wanted = events.filter(({ type }) => handles(service, type));
				if (wanted.length > 0) await running(service).take(wanted, again);
				return wanted.length;
			},
			async unhandled(service, { events }) {
				const ids = events.filter(({ type }) => handles(service, type)).map(({ event_id }) => event_id);
				return ids.length > 0 ? unhandledOf(service.db, recordedIn ?? "inbox", ids) : [];
			},
			async forget({ db }, { event_ids }) {
				if (!recordedIn) await forgetTakenOver(db, event_ids);
				return null;
			},
		}),
		merged(schema) {
			addOutermost<Vars>(
				schema,
				function started() {
					this.consumption = startConsumer({
						name,
						db: this.db,
						transport: joinBus(this.broker),
						handlers: boundTo(this, name, handlersOf(this)),
						keepsInbox: !recordedIn,
						recordedIn,
						except,
						logger: this.logger,
					});
					this.stopGauges = showBacklog(this, name);
				},
				async function stopped() {
					this.stopGauges?.();
					if (!this.consumption) return;
					await this.consumption.stop();
					await leaveBus(this.broker);
				},
			);
		},
		created() {
			this.consumption = null;
			this.stopGauges = null;
		},
	});
}

const TRANSPORT_GAUGES = { waiting: "consumer_waiting_events", delay_ms: "consumer_delay_ms" } as const;

const DATABASE_GAUGES = {
	retrying: "consumer_retrying_events",
	parked: "consumer_parked_events",
	dead: "consumer_dead_letters",
} as const;

/** Apart from each other: while the database is away what waits for it grows. Gives a way to stop it. */
function showBacklog(service: Consuming, name: string): () => void {
	const { broker, db } = service;
	const { waiting, delayMs } = running(service);
	const stops = [
		pollGauges(broker, { consumer: name }, TRANSPORT_GAUGES, async () => ({
			waiting: await waiting(),
			delay_ms: delayMs() ?? 0,
		})),
		pollGauges(broker, { consumer: name }, DATABASE_GAUGES, () => deliveryCounts(db)),
	];
	return () => stops.forEach((stop) => stop());
}

async function backlogOf(service: Consuming) {
	const consumption = running(service);
	const [waiting, counts] = await Promise.all([consumption.waiting(), deliveryCounts(service.db)]);
	return { waiting, delay_ms: consumption.delayMs(), ...counts, places: consumption.places };
}

function running({ consumption }: Consuming): Consumer {
	if (!consumption) throw new Error("the consumer has not started");
	return consumption;
}

function handlersOf(service: Service): Handlers {
	return (service.schema as unknown as { readonly consumes: Handlers }).consumes;
}

/** One function under several types stays one, so that it gets their events together. */
function boundTo(service: Service, name: string, handlers: Handlers): Handlers {
	const { broker } = service;
	const bind =
		(handler: Handlers[string]): Handlers[string] =>
		(tx, events) =>
			traceHandling(broker, name, events, () => handler.call(service, tx, events));
	const bound = new Map(Object.values(handlers).map((handler) => [handler, bind(handler)]));
	return Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, bound.get(handler) ?? handler]));
}
