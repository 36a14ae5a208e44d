import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectNats, type NatsConnection } from "nats";
import { jetStreamTransport } from "../../lib/event-bus/jetstream.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { atTheEnd, inOrder, newSink, newSource, onlyOf, quiet } from "../contract/event-bus/harness.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { describeEventBus } from "../contract/event-bus/suite.ts";
import { until } from "../support/until.ts";

/** The figures are for a loaded machine; the product's own times are a fraction of them. */
const HEALED_MS = 20_000;
/** nats-server writes down how far a consumer is only now and then. */
const CONSUMER_FLUSH_MS = 3_000;

let server: NatsServer;
let namespace: string;
beforeAll(async () => {
	server = await startNatsServer();
});
afterAll(() => server.remove());
beforeEach(() => {
	namespace = `test-${randomBytes(4).toString("hex")}`;
});

const connect = (): Transport => jetStreamTransport({ servers: server.url, namespace, logger: quiet });

describe("the event bus on NATS JetStream", () => {
	describeEventBus(connect);

	function node(): Transport {
		const transport = connect();
		atTheEnd(() => transport.close());
		return transport;
	}

	async function client(): Promise<NatsConnection> {
		const connection = await connectNats({ servers: server.url });
		atTheEnd(() => connection.close());
		return connection;
	}

	test("a crash of the server loses nothing and keeps the order", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(far);
		source.startRelay(near);
		await source.tell(["a", "b"], 200);
		await sink.has(400);
		await source.tell(["a", "b"], 400);
		await server.kill();
		await source.tell(["a", "b"], 100);
		await server.start();
		await until(async () => (await sink.seen()).length === 1_400, HEALED_MS);
		const seen = await sink.seen();
		for (const aggregate of ["a", "b"]) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 700));
	});

	test("events whose store is deleted before they are handled are published again", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		const first = sink.start(far);
		source.startRelay(near);
		await source.tell(["a"], 10);
		await sink.has(10);
		await first.stop();
		await source.tell(["a"], 10);
		await until(source.published);
		await server.kill();
		await server.wipe();
		await server.start();
		sink.start(far);
		await until(async () => (await sink.seen()).length === 20, HEALED_MS);
		expect(await sink.seen()).toEqual(inOrder("a", 20));
	});

	test("a stream that is deleted under idle services comes back with what was not handled", async () => {
		const [near, far] = [node(), node()];
		const [source, sink, late] = [await newSource(), await newSink("sink"), await newSink("late")];
		sink.start(far);
		source.startRelay(near);
		await source.tell(["a"], 10);
		await sink.has(10);
		await until(source.published);
		await (await (await client()).jetstreamManager()).streams.delete(`${namespace}-events`);
		late.start(far);
		await until(async () => (await late.seen()).length === 10, HEALED_MS);
		expect(await late.seen()).toEqual(inOrder("a", 10));
		await source.tell(["a"], 5);
		await until(async () => (await sink.seen()).length === 15, HEALED_MS);
		expect(await sink.seen()).toEqual(inOrder("a", 15));
	});

	test("when the store has lost its end, nothing is missed in the places that are taken again", async () => {
		const [near, far] = [node(), node()];
		const [loser, other, sink] = [await newSource(), await newSource(), await newSink("sink")];
		const consumption = sink.start(far);
		const relay = loser.startRelay(near);
		other.startRelay(near);
		await other.tell(["b"]);
		await sink.has(1);
		await server.kill();
		await server.snapshot();
		await server.start();
		await loser.tell(["a"], 40);
		await sink.has(41);
		await consumption.stop();
		await relay.stop();
		await delay(CONSUMER_FLUSH_MS);
		await server.kill();
		await server.rollBack();
		await server.start();
		// These take places that the consumer is already beyond.
		await other.tell(["b"], 20);
		await until(other.published);
		loser.startRelay(near);
		sink.start(far);
		await until(async () => (await sink.seen()).length === 61, HEALED_MS);
		expect(onlyOf("b", await sink.seen())).toEqual(inOrder("b", 21));
	});

	test("when the node that consumes falls silent another goes on from its first unhandled event", async () => {
		const [near, silent, standby] = [node(), node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		let release = () => {};
		const silence = new Promise<void>((resolve) => (release = resolve));
		let stuck = false;
		sink.start(silent, {
			async handle(_tx, events) {
				if (events.every((event) => event.aggregate_seq <= 10)) return;
				stuck = true;
				await silence;
				throw new Error("its transaction is gone");
			},
		});
		source.startRelay(near);
		await source.tell(["a"], 10);
		await sink.has(10);
		await source.tell(["a"], 10);
		await until(() => stuck);
		sink.start(standby);
		await source.tell(["a"], 10);
		await sink.db.query(
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE pid <> pg_backend_pid() AND datname = current_database()`,
		);
		await until(async () => (await sink.seen()).length === 30, HEALED_MS);
		release();
		await delay(500);
		expect(await sink.seen()).toEqual(inOrder("a", 30));
		expect(await sink.deliveries()).toEqual([]);
	});

	test("the stream lets go of what is old only when every consumer has handled it", async () => {
		const [near, far] = [node(), node()];
		const [source, quick, away] = [await newSource(), await newSink("quick"), await newSink("away")];
		const consumption = quick.start(far);
		const first = away.start(far);
		source.startRelay(near);
		await source.tell(["a"], 10);
		await quick.has(10);
		await away.has(10);
		await first.stop();
		await source.tell(["a"], 10);
		await quick.has(20);
		const held = async () => {
			const manager = await (await client()).jetstreamManager();
			return (await manager.streams.info(`${namespace}-events`)).state.messages;
		};
		const places = [...consumption.places, ...first.places];
		await until(async () => (await consumption.waiting()) === 0);
		expect(await held()).toBe(20);

		await near.forget(3_600_000, places);
		expect(await held()).toBe(20);
		await near.forget(0, [...places, "not-there-yet"]);
		expect(await held()).toBe(20);
		await near.forget(0, places);
		expect(await held()).toBe(10);
		expect(await first.waiting()).toBe(10);

		const second = away.start(far);
		await away.has(20);
		expect(await away.seen()).toEqual(inOrder("a", 20));
		await until(async () => (await second.waiting()) === 0);
		await near.forget(0, places);
		expect(await held()).toBe(0);
		await source.tell(["a"], 5);
		await quick.has(25);
		await away.has(25);
	});

	test("what is no event does not stop those behind it", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(transport);
		source.startRelay(transport);
		await source.tell(["a"]);
		await sink.has(1);
		await (await client()).jetstream().publish(`${namespace}.events.orders.created`, "{");
		await source.tell(["a"]);
		await sink.has(2);
	});
});
