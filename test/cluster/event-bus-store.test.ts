import { setTimeout as delay } from "node:timers/promises";
import { lastReceipt } from "../../lib/event-bus/outbox.ts";
import { refuse } from "../../lib/refuse.ts";
import { inOrder, newSink, newSource, onlyOf, type Source } from "../contract/event-bus/harness.ts";
import { BETWEEN_ROUNDS_MS, busOnNats, HEALED_MS } from "../contract/event-bus/nats-bus.ts";
import { eventOf } from "../support/events.ts";
import { until } from "../support/until.ts";

/** nats-server writes down how far a consumer is only now and then. */
const CONSUMER_FLUSH_MS = 3_000;
/** An idle relay asks every 5 s; twice after the last event. */
const FLOOR_MS = 40_000;
const ROUNDS = 4;

const bus = busOnNats();

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

test("events whose store is deleted before they are handled are published again", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink] = [await newSource(), await newSink("sink")];
	const first = sink.start(far);
	source.startRelay(near);
	await source.tell(["a"], 10);
	await sink.has(10);
	await first.stop();
	await source.tell(["a"], 10);
	await until(source.published);
	await bus.server().kill();
	await bus.server().wipe();
	await bus.server().start();
	sink.start(far);
	await until(async () => (await sink.seen()).length === 20, HEALED_MS);
	expect(await sink.seen()).toEqual(inOrder("a", 20));
});

test("a stream that is deleted under idle services comes back with what was not handled", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink, late] = [await newSource(), await newSink("sink"), await newSink("late")];
	sink.start(far);
	source.startRelay(near, ["sink-orders", "late-orders"]);
	await source.tell(["a"], 10);
	await sink.has(10);
	await until(source.published);
	await bus.deleteStream();
	late.start(far);
	await until(async () => (await late.seen()).length === 10, HEALED_MS);
	expect(await late.seen()).toEqual(inOrder("a", 10));
	await source.tell(["a"], 5);
	await until(async () => (await sink.seen()).length === 15, HEALED_MS);
	expect(await sink.seen()).toEqual(inOrder("a", 15));
});

test("what all have handled is not published again when the store is lost, the rest is", async () => {
	const [near, far] = [bus.node(), bus.node()];
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
	await bus.server().kill();
	await bus.server().wipe();
	await bus.server().start();
	away.start(far);
	await until(async () => (await away.seen()).length === 40 + ROUNDS, HEALED_MS);
	expect(onlyOf("a", await away.seen())).toEqual(inOrder("a", 40));
	expect(await bus.held()).toBe(10 + ROUNDS);
	await reachesFloor(source, 40 + ROUNDS);
	await bus.deleteStream();
	await until(async () => (await source.db.transaction(lastReceipt)) === null, HEALED_MS);
	await source.tell(["a"], 3);
	for (const { seen } of [sink, away]) await until(async () => (await seen()).length === 43 + ROUNDS, HEALED_MS);
	expect(await bus.held()).toBe(3);
});

test("while a place that was there is missing, what it may lack is published again", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink, away] = [await newSource(), await newSink("sink"), await newSink("away")];
	sink.start(far);
	const first = away.start(far);
	source.startRelay(near);
	await source.tell(["a"], 20);
	await away.has(20);
	await reachesFloor(source, 20);
	await first.stop();
	// As by a node that dies when it has deleted its place and not made it anew.
	await (await bus.manager()).consumers.delete(bus.stream(), "away-orders");
	await source.tell(["a"], 10);
	await sink.has(30);
	await rounds(source);
	expect(await source.floor()).toBe(20);
	await bus.deleteStream();
	away.start(far);
	await until(async () => (await away.seen()).length === 30 + ROUNDS, HEALED_MS);
	expect(onlyOf("a", await away.seen())).toEqual(inOrder("a", 30));
	expect(await bus.held()).toBe(10 + ROUNDS);
	await reachesFloor(source, 30 + ROUNDS);
});

test("before everybody who is to get events has been there, all of them are published again", async () => {
	const [near, far] = [bus.node(), bus.node()];
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
	await bus.deleteStream();
	late.start(far);
	await until(async () => (await late.seen()).length === 20 + ROUNDS, HEALED_MS);
	expect(onlyOf("a", await late.seen())).toEqual(inOrder("a", 20));
	await reachesFloor(source, 20 + ROUNDS);
});

test("a consumer that nobody knew of makes all of them come again until it has caught up", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink, joined] = [await newSource(), await newSink("sink"), await newSink("joined")];
	sink.start(far);
	source.startRelay(near, ["sink-orders"]);
	await source.tell(["a"], 10);
	await reachesFloor(source, 10);
	let release = () => {};
	const stuck = new Promise<void>((resolve) => (release = resolve));
	joined.start(far, { handle: () => stuck });
	await until(async () => (await source.floor()) === 0, FLOOR_MS);
	await bus.deleteStream();
	release();
	await until(async () => (await joined.seen()).length === 10, HEALED_MS);
	expect(await joined.seen()).toEqual(inOrder("a", 10));
	await reachesFloor(source, 10);
});

test("when the store has lost its end, nothing is missed in the places that are taken again", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [loser, other, sink] = [await newSource(), await newSource(), await newSink("sink")];
	const consumption = sink.start(far);
	const relay = loser.startRelay(near);
	other.startRelay(near, ["sink-orders"]);
	await other.tell(["b"]);
	await sink.has(1);
	await bus.server().kill();
	await bus.server().snapshot();
	await bus.server().start();
	await loser.tell(["a"], 40);
	await sink.has(41);
	await consumption.stop();
	await relay.stop();
	await delay(CONSUMER_FLUSH_MS);
	await bus.server().kill();
	await bus.server().rollBack();
	await bus.server().start();
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
