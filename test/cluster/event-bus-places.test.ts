import { isDeepStrictEqual } from "node:util";
import type { ConsumerAPI, JetStreamManager } from "nats";
import { rewind } from "../../lib/event-bus/jetstream-rewind.ts";
import { allConsumers, floorOf } from "../../lib/event-bus/jetstream-stream.ts";
import { inOrder, newSink, newSource } from "../contract/event-bus/harness.ts";
import { busOnNats } from "../contract/event-bus/nats-bus.ts";
import { eventOf } from "../support/events.ts";
import { until } from "../support/until.ts";

const bus = busOnNats();

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

test("of each place it is known whether it has handled all, also when the last events were for others", async () => {
	const transport = bus.node();
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
	await bus.deleteStream();
	await until(() =>
		transport.publish([event("orders.created")]).then(
			() => true,
			() => false,
		),
	);
	expect(await ask()).toEqual({});
});

test("a receipt is that of the furthest place, also when the last event is a repeat", async () => {
	const transport = bus.node();
	const [first, second] = [eventOf(), eventOf()];
	const once = await transport.publish([first]);
	const twice = await transport.publish([second, first]);
	expect(once).toMatchObject({ sequence: 1, event_id: first.event_id });
	expect(twice).toMatchObject({ sequence: 2, event_id: second.event_id });
});

test("a node that dies while it makes its place anew loses it in no step", async () => {
	const transport = bus.node();
	const [source, sink] = [await newSource(), await newSink("sink")];
	const consumption = sink.start(transport);
	source.startRelay(transport);
	await source.tell(["a"], 10);
	await sink.has(10);
	await until(async () => (await consumption.waiting()) === 0);
	await consumption.stop();
	const jsm = await bus.manager();
	const [stream, durable] = [bus.stream(), "sink-orders"];
	const place = {
		stream,
		durable,
		filter: `${bus.prefix()}orders.*`,
		prefix: bus.prefix(),
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
		const consumers = await allConsumers(jsm, stream);
		expect(consumers.map((info) => [info.name, floorOf(info)])).toEqual([[durable, 10]]);
	}
	expect(steps).toBeGreaterThan(4);
});

test("the stream lets go of what is old only when every consumer has handled it", async () => {
	const [near, far] = [bus.node(), bus.node()];
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
	expect(await bus.held()).toBe(20);

	await near.forget({ ageMs: 3_600_000, bytes: 2 ** 30 }, places);
	expect(await bus.held()).toBe(20);
	await near.forget({ ageMs: 0, bytes: 0 }, [...places, "not-there-yet"]);
	expect(await bus.held()).toBe(20);
	await near.forget({ ageMs: 0, bytes: 2 ** 30 }, places);
	expect(await bus.held()).toBe(10);
	expect(await first.waiting()).toBe(10);

	const second = away.start(far);
	await away.has(20);
	expect(await away.seen()).toEqual(inOrder("a", 20));
	await until(async () => (await second.waiting()) === 0);
	await near.forget({ ageMs: 3_600_000, bytes: 100 }, places);
	expect(await bus.held()).toBe(0);
	await source.tell(["a"], 5);
	await quick.has(25);
	await away.has(25);
});

test("who wants one type is given no other, and all that came since when he wants two", async () => {
	const [near, far] = [bus.node(), bus.node()];
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
	const [near, far] = [bus.node(), bus.node()];
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
