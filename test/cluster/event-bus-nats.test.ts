import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import {
	type ConsumerAPI,
	type ConsumerInfo,
	connect as connectNats,
	type JetStreamManager,
	type NatsConnection,
} from "nats";
import { jetStreamTransport } from "../../lib/event-bus/jetstream.ts";
import { rewind } from "../../lib/event-bus/jetstream-rewind.ts";
import { floorOf } from "../../lib/event-bus/jetstream-stream.ts";
import { lastReceipt } from "../../lib/event-bus/outbox.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { refuse } from "../../lib/refuse.ts";
import { atTheEnd, inOrder, newSink, newSource, onlyOf, quiet, type Source } from "../contract/event-bus/harness.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { describeEventBus, unruly } from "../contract/event-bus/suite.ts";
import { eventOf } from "../support/events.ts";
import { until } from "../support/until.ts";

/** The figures are for a loaded machine; the product's own times are a fraction of them. */
const HEALED_MS = 20_000;
/** nats-server writes down how far a consumer is only now and then. */
const CONSUMER_FLUSH_MS = 3_000;
/** An idle relay asks every 5 s; twice after the last event. */
const FLOOR_MS = 40_000;
const ROUNDS = 4;
/** Time enough for several refusals. */
const REFUSED_MS = 2_000;
/** What makes an event too large for the stream of a test. */
const REFUSED_BYTES = 10_000;
/** Longer than a relay under test waits before it asks again. */
const BETWEEN_ROUNDS_MS = 200;

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

/** A manager whose node dies when it has changed consumers `steps` times. */
function dyingAfter(steps: number, jsm: JetStreamManager): JetStreamManager {
	let left = steps;
	const mayGoOn = () => {
		if (left-- <= 0) throw new Error("it has died");
	};
	const consumers: Partial<ConsumerAPI> = {
		list: (stream) => jsm.consumers.list(stream),
		async add(...args) {
			mayGoOn();
			return jsm.consumers.add(...args);
		},
		async delete(...args) {
			mayGoOn();
			return jsm.consumers.delete(...args);
		},
	};
	return { ...jsm, consumers: consumers as ConsumerAPI };
}

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

	/** When nobody is asking: nats-server 2.9.10 may crash when asked for a message of a stream that is being made. */
	async function deleteStream(): Promise<void> {
		await delay(BETWEEN_ROUNDS_MS);
		await (await (await client()).jetstreamManager()).streams.delete(`${namespace}-events`);
	}

	function reachesFloor(source: Source, count: number): Promise<void> {
		return until(async () => (await source.floor()) === count, FLOOR_MS);
	}

	/** Has the relay ask several times who has handled what, each time with one event more. */
	async function rounds(source: Source): Promise<void> {
		for (let i = 0; i < ROUNDS; i++) {
			await source.tell(["again"]);
			await until(source.published);
			await delay(BETWEEN_ROUNDS_MS);
		}
	}

	/** How many messages the stream has. */
	async function held(): Promise<number> {
		const manager = await (await client()).jetstreamManager();
		return (await manager.streams.info(`${namespace}-events`)).state.messages;
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

	test("a server that refuses everybody for a while is like one that is down", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(far);
		source.startRelay(near);
		await source.tell(["a"], 10);
		await sink.has(10);
		await server.kill();
		await server.start("--user", "somebody", "--pass", "else");
		await source.tell(["a"], 10);
		await delay(REFUSED_MS);
		await server.kill();
		await server.start();
		await source.tell(["a"], 10);
		await until(async () => (await sink.seen()).length === 30, HEALED_MS);
		expect(await sink.seen()).toEqual(inOrder("a", 30));
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
		source.startRelay(near, ["sink-orders", "late-orders"]);
		await source.tell(["a"], 10);
		await sink.has(10);
		await until(source.published);
		await deleteStream();
		late.start(far);
		await until(async () => (await late.seen()).length === 10, HEALED_MS);
		expect(await late.seen()).toEqual(inOrder("a", 10));
		await source.tell(["a"], 5);
		await until(async () => (await sink.seen()).length === 15, HEALED_MS);
		expect(await sink.seen()).toEqual(inOrder("a", 15));
	});

	test("what all have handled is not published again when the store is lost, the rest is", async () => {
		const [near, far] = [node(), node()];
		const [source, sink, away] = [await newSource(), await newSink("sink"), await newSink("away")];
		const other = await newSink("other");
		sink.start(far);
		const first = away.start(far);
		// It gets none of these events, and stands.
		other.start(far, { types: ["users.created"], handle: () => Promise.reject(refuse("SERVICE_UNAVAILABLE", "away")) });
		await near.publish([eventOf({ type: "users.created" })]);
		source.startRelay(near, ["sink-orders", "away-orders"]);
		await source.tell(["a"], 30);
		await reachesFloor(source, 30);
		await first.stop();
		await source.tell(["a"], 10);
		await sink.has(40);
		await rounds(source);
		expect(await source.floor()).toBe(30);
		await server.kill();
		await server.wipe();
		await server.start();
		away.start(far);
		await until(async () => (await away.seen()).length === 40 + ROUNDS, HEALED_MS);
		expect(onlyOf("a", await away.seen())).toEqual(inOrder("a", 40));
		expect(await held()).toBe(10 + ROUNDS);
		await reachesFloor(source, 40 + ROUNDS);
		await deleteStream();
		await until(async () => (await source.db.transaction(lastReceipt)) === null, HEALED_MS);
		await source.tell(["a"], 3);
		for (const { seen } of [sink, away]) await until(async () => (await seen()).length === 43 + ROUNDS, HEALED_MS);
		expect(await held()).toBe(3);
	});

	test("while a place that was there is missing, what it may lack is published again", async () => {
		const [near, far] = [node(), node()];
		const [source, sink, away] = [await newSource(), await newSink("sink"), await newSink("away")];
		sink.start(far);
		const first = away.start(far);
		source.startRelay(near);
		await source.tell(["a"], 20);
		await away.has(20);
		await reachesFloor(source, 20);
		await first.stop();
		// As by a node that dies when it has deleted its place and not made it anew.
		await (await (await client()).jetstreamManager()).consumers.delete(`${namespace}-events`, "away-orders");
		await source.tell(["a"], 10);
		await sink.has(30);
		await rounds(source);
		expect(await source.floor()).toBe(20);
		await deleteStream();
		away.start(far);
		await until(async () => (await away.seen()).length === 30 + ROUNDS, HEALED_MS);
		expect(onlyOf("a", await away.seen())).toEqual(inOrder("a", 30));
		expect(await held()).toBe(10 + ROUNDS);
		await reachesFloor(source, 30 + ROUNDS);
	});

	test("before everybody who is to get events has been there, all of them are published again", async () => {
		const [near, far] = [node(), node()];
		const [source, sink, late] = [await newSource(), await newSink("sink"), await newSink("late")];
		sink.start(far);
		const relay = source.startRelay(near, ["sink-orders"]);
		await source.tell(["a"], 10);
		await reachesFloor(source, 10);
		await relay.stop();
		// A version in which one more service takes them in.
		source.startRelay(near, ["sink-orders", "late-orders"]);
		await source.tell(["a"], 10);
		await sink.has(20);
		await rounds(source);
		expect(await source.floor()).toBe(10);
		await deleteStream();
		late.start(far);
		await until(async () => (await late.seen()).length === 20 + ROUNDS, HEALED_MS);
		expect(onlyOf("a", await late.seen())).toEqual(inOrder("a", 20));
		await reachesFloor(source, 20 + ROUNDS);
	});

	test("a consumer that nobody knew of makes all of them come again until it has caught up", async () => {
		const [near, far] = [node(), node()];
		const [source, sink, joined] = [await newSource(), await newSink("sink"), await newSink("joined")];
		sink.start(far);
		source.startRelay(near, ["sink-orders"]);
		await source.tell(["a"], 10);
		await reachesFloor(source, 10);
		let release = () => {};
		const stuck = new Promise<void>((resolve) => (release = resolve));
		joined.start(far, { handle: () => stuck });
		await until(async () => (await source.floor()) === 0, FLOOR_MS);
		await deleteStream();
		release();
		await until(async () => (await joined.seen()).length === 10, HEALED_MS);
		expect(await joined.seen()).toEqual(inOrder("a", 10));
		await reachesFloor(source, 10);
	});

	test("of each place it is known whether it has handled all, also when the last events were for others", async () => {
		const transport = node();
		const [sink, other, none] = [await newSink("sink"), await newSink("other"), await newSink("none")];
		sink.start(transport);
		let release = () => {};
		const stuck = new Promise<void>((resolve) => (release = resolve));
		other.start(transport, { types: ["users.created"], handle: () => stuck });
		none.start(transport, { types: ["risk.limits_changed"] });
		const event = (type: string) => eventOf({ type });
		const sources = ["orders", "users", "risk"];
		await transport.publish([event("orders.created")]);
		const receipt = await transport.publish([event("users.created")]);
		if (!receipt) throw new Error("no receipt");
		const ask = async () => Object.fromEntries(await transport.handledUpTo(receipt, sources));
		const expected = { "sink-orders": true, "other-users": false, "none-risk": true };
		await until(async () => isDeepStrictEqual(await ask(), expected));
		expect([...(await transport.handledUpTo(receipt, ["orders", "config"])).keys()]).toEqual(["sink-orders"]);
		// Nothing that comes later makes them less.
		await transport.publish([event("users.created")]);
		expect(await ask()).toEqual(expected);
		release();
		await until(async () => (await ask())["other-users"] === true);
		// A sequence of one stream says nothing in another.
		await deleteStream();
		await until(() =>
			transport.publish([event("orders.created")]).then(
				() => true,
				() => false,
			),
		);
		expect(await ask()).toEqual({});
	});

	test("a receipt is that of the furthest place, also when the last event is a repeat", async () => {
		const transport = node();
		const [first, second] = [eventOf(), eventOf()];
		const once = await transport.publish([first]);
		const twice = await transport.publish([second, first]);
		expect(once).toMatchObject({ sequence: 1, event_id: first.event_id });
		expect(twice).toMatchObject({ sequence: 2, event_id: second.event_id });
	});

	test("when the store has lost its end, nothing is missed in the places that are taken again", async () => {
		const [near, far] = [node(), node()];
		const [loser, other, sink] = [await newSource(), await newSource(), await newSink("sink")];
		const consumption = sink.start(far);
		const relay = loser.startRelay(near);
		other.startRelay(near, ["sink-orders"]);
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
		// These take places that the consumer is already beyond, and nobody is there who misses what was in them.
		await other.tell(["b"], 20);
		await until(other.published);
		await rounds(other);
		sink.start(far);
		await until(async () => (await sink.seen()).length === 61 + ROUNDS, HEALED_MS);
		expect(onlyOf("b", await sink.seen())).toEqual(inOrder("b", 21));
		loser.startRelay(near);
		await loser.tell(["a"]);
		await sink.has(62 + ROUNDS);
		expect(onlyOf("a", await sink.seen())).toEqual(inOrder("a", 41));
		await reachesFloor(other, 21 + ROUNDS);
	});

	test("when a transport refuses an event and accepts the next of its aggregate, they come in order", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(far);
		const relay = source.startRelay(near);
		await source.tell(["a"]);
		await sink.has(1);
		await relay.stop();
		await source.tell(["a"], 1, "orders.executed", "x".repeat(2 * REFUSED_BYTES));
		await source.tell(["a", "b"], 2, "orders.created");
		const { streams } = await (await client()).jetstreamManager();
		await streams.update(`${namespace}-events`, { max_msg_size: REFUSED_BYTES });
		source.startRelay(near);
		await sink.has(3);
		expect(await sink.seen()).toEqual(["a:1", "b:1", "b:2"]);
		await until(async () => (await sink.deliveries()).length === 2);
		await streams.update(`${namespace}-events`, { max_msg_size: -1 });
		await sink.has(6, HEALED_MS);
		expect(onlyOf("a", await sink.seen())).toEqual(inOrder("a", 4));
		expect(await sink.deliveries()).toEqual([]);
	});

	test("events that were published together are handled in their order, in whatever order they come", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(unruly(transport));
		await source.tell(["a", "b", "c"], 10);
		source.startRelay(transport);
		await sink.has(30, HEALED_MS);
		const seen = await sink.seen();
		for (const aggregate of ["a", "b", "c"]) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 10));
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

	test("a node that dies while it makes its place anew loses it in no step", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		const consumption = sink.start(transport);
		source.startRelay(transport);
		await source.tell(["a"], 10);
		await sink.has(10);
		await until(async () => (await consumption.waiting()) === 0);
		await consumption.stop();
		const jsm = await (await client()).jetstreamManager();
		const [stream, durable] = [`${namespace}-events`, "sink-orders"];
		const place = {
			stream,
			durable,
			filter: `${namespace}.events.orders.*`,
			prefix: `${namespace}.events.`,
			types: ["orders.created"],
			maxUnacknowledged: 10,
		};
		let steps = 0;
		for (let ended = false; !ended; steps++) {
			ended = await rewind(dyingAfter(steps, jsm), place).then(
				() => true,
				() => false,
			);
			await rewind(jsm, place);
			const consumers: ConsumerInfo[] = [];
			for await (const info of jsm.consumers.list(stream)) consumers.push(info);
			expect(consumers.map((info) => [info.name, floorOf(info)])).toEqual([[durable, 10]]);
		}
		expect(steps).toBeGreaterThan(4);
	});

	test("the stream lets go of what is old only when every consumer has handled it", async () => {
		const [near, far] = [node(), node()];
		const [source, quick, away] = [await newSource(), await newSink("quick"), await newSink("away")];
		const consumption = quick.start(far);
		const first = away.start(far);
		// Its events never come.
		const idle = (await newSink("idle")).start(far, { types: ["risk.trading_halted"] });
		source.startRelay(near);
		await source.tell(["a"], 10);
		await quick.has(10);
		await away.has(10);
		await first.stop();
		await source.tell(["a"], 10);
		await quick.has(20);
		const places = [...consumption.places, ...first.places, ...idle.places];
		await until(async () => (await consumption.waiting()) === 0);
		expect(await held()).toBe(20);

		await near.forget({ ageMs: 3_600_000, bytes: 2 ** 30 }, places);
		expect(await held()).toBe(20);
		await near.forget({ ageMs: 0, bytes: 0 }, [...places, "not-there-yet"]);
		expect(await held()).toBe(20);
		await near.forget({ ageMs: 0, bytes: 2 ** 30 }, places);
		expect(await held()).toBe(10);
		expect(await first.waiting()).toBe(10);

		const second = away.start(far);
		await away.has(20);
		expect(await away.seen()).toEqual(inOrder("a", 20));
		await until(async () => (await second.waiting()) === 0);
		await near.forget({ ageMs: 3_600_000, bytes: 100 }, places);
		expect(await held()).toBe(0);
		await source.tell(["a"], 5);
		await quick.has(25);
		await away.has(25);
	});

	test("who wants one type is given no other, and all that came since when he wants two", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		const narrow = sink.start(far, { types: ["orders.executed"] });
		source.startRelay(near);
		await source.tell(["a"], 1, "orders.executed");
		await sink.has(1);
		await narrow.stop();
		await source.tell(["a"], 10, "orders.created");
		await until(source.published);
		expect(await narrow.waiting()).toBe(0);
		sink.start(far);
		await source.tell(["a"], 1, "orders.executed");
		await sink.has(12);
		expect(await sink.seen()).toEqual(inOrder("a", 12));
	});

	test("what a node of an older version dropped comes to the next that handles it, in every turn", async () => {
		const [near, far] = [node(), node()];
		const [source, sink] = [await newSource(), await newSink("sink")];
		source.startRelay(near);
		let count = 0;
		for (const types of [["orders.created"], ["orders.created", "orders.cancelled"], ["orders.created"]]) {
			const older = sink.start(far, { types });
			// The last one is handled, so that the older one is beyond the others.
			await source.tell(["a"], 1, "orders.created");
			await source.tell(["a"], 3, "orders.executed");
			await source.tell(["a"], 1, "orders.created");
			await sink.has(count + 2);
			await until(async () => (await older.waiting()) === 0);
			await older.stop();
			const newer = sink.start(far, { types: ["orders.created", "orders.executed"] });
			count += 5;
			await sink.has(count);
			await newer.stop();
		}
		expect([...(await sink.seen())].sort()).toEqual([...inOrder("a", count)].sort());
	});

	test("what is no event does not stop those behind it", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(transport);
		source.startRelay(transport);
		await source.tell(["a"]);
		await sink.has(1);
		const publish = async (text: string) =>
			(await client()).jetstream().publish(`${namespace}.events.orders.created`, text);
		for (const text of ["{", "null", "{}", '{"event_id":"x","type":"orders.created"}']) await publish(text);
		await source.tell(["a"]);
		await sink.has(2);
	});
});
