import { setTimeout as delay } from "node:timers/promises";
import { inOrder, newSink, newSource, onlyOf, unruly } from "../contract/event-bus/harness.ts";
import { busOnNats, HEALED_MS } from "../contract/event-bus/nats-bus.ts";
import { describeEventBus } from "../contract/event-bus/suite.ts";
import { until } from "../support/until.ts";

/** Time enough for several refusals. */
const REFUSED_MS = 2_000;
/** What makes an event too large for the stream of a test. */
const REFUSED_BYTES = 10_000;

const bus = busOnNats();

describe("the event bus on NATS JetStream", () => {
	describeEventBus(bus.connect);
});

test("a crash of the server loses nothing and keeps the order", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(far);
	source.startRelay(near);
	await source.tell(["a", "b"], 200);
	await sink.has(400);
	await source.tell(["a", "b"], 400);
	await bus.server().kill();
	await source.tell(["a", "b"], 100);
	await bus.server().start();
	await until(async () => (await sink.seen()).length === 1_400, HEALED_MS);
	const seen = await sink.seen();
	for (const aggregate of ["a", "b"]) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 700));
});

test("a server that refuses everybody for a while is like one that is down", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(far);
	source.startRelay(near);
	await source.tell(["a"], 10);
	await sink.has(10);
	await bus.server().kill();
	await bus.server().start("--user", "somebody", "--pass", "else");
	await source.tell(["a"], 10);
	await delay(REFUSED_MS);
	await bus.server().kill();
	await bus.server().start();
	await source.tell(["a"], 10);
	await until(async () => (await sink.seen()).length === 30, HEALED_MS);
	expect(await sink.seen()).toEqual(inOrder("a", 30));
});

test("when a transport refuses an event and accepts the next of its aggregate, they come in order", async () => {
	const [near, far] = [bus.node(), bus.node()];
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(far);
	const relay = source.startRelay(near);
	await source.tell(["a"]);
	await sink.has(1);
	await relay.stop();
	await source.tell(["a"], 1, "orders.executed", "x".repeat(2 * REFUSED_BYTES));
	await source.tell(["a", "b"], 2, "orders.created");
	const { streams } = await bus.manager();
	await streams.update(bus.stream(), { max_msg_size: REFUSED_BYTES });
	source.startRelay(near);
	await sink.has(3);
	expect(await sink.seen()).toEqual(["a:1", "b:1", "b:2"]);
	await until(async () => (await sink.deliveries()).length === 2);
	await streams.update(bus.stream(), { max_msg_size: -1 });
	await sink.has(6, HEALED_MS);
	expect(onlyOf("a", await sink.seen())).toEqual(inOrder("a", 4));
	expect(await sink.deliveries()).toEqual([]);
});

test("events that were published together are handled in their order, in whatever order they come", async () => {
	const transport = bus.node();
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(unruly(transport));
	await source.tell(["a", "b", "c"], 10);
	source.startRelay(transport);
	await sink.has(30, HEALED_MS);
	const seen = await sink.seen();
	for (const aggregate of ["a", "b", "c"]) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 10));
});

test("when the node that consumes falls silent another goes on from its first unhandled event", async () => {
	const [near, silent, standby] = [bus.node(), bus.node(), bus.node()];
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

test("what is no event does not stop those behind it", async () => {
	const transport = bus.node();
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(transport);
	source.startRelay(transport);
	await source.tell(["a"]);
	await sink.has(1);
	const publish = async (text: string) =>
		(await bus.client()).jetstream().publish(`${bus.prefix()}orders.created`, text);
	for (const text of ["{", "null", "{}", '{"event_id":"x","type":"orders.created"}']) await publish(text);
	await source.tell(["a"]);
	await sink.has(2);
});
