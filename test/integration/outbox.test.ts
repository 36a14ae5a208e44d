import { v7 as newId } from "uuid";
import { inProcessTransport } from "../../lib/event-bus/in-process.ts";
import { tryLock } from "../../lib/event-bus/leader.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import { nextUnpublished, outboxBacklog, stage } from "../../lib/event-bus/outbox.ts";
import type { Transport } from "../../lib/event-bus/transport.ts";
import { LOCKS } from "../../lib/locks.ts";
import { atTheEnd, cleanUp, inOrder, newSink, newSource } from "../contract/event-bus/harness.ts";
import { until } from "../support/until.ts";

afterEach(cleanUp);

const loggedIn = (aggregate: string, sequence: number, data: object = {}): Staged =>
	({
		type: "auth.logged_in",
		aggregate_id: aggregate,
		aggregate_seq: sequence,
		correlation_id: "c",
		actor: null,
		data,
	}) as Staged;

test("an event that is staged has all its fields, its time in milliseconds, and waits to be published", async () => {
	const { db } = await newSource();
	await db.transaction((tx) => stage(tx, "auth", [loggedIn("s", 1, { user_id: "ann\u0000" }), loggedIn("s", 2)]));
	const [first, second] = (await db.transaction(nextUnpublished)).entries;
	expect(first?.event).toEqual({
		event_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
		type: "auth.logged_in",
		source: "auth",
		timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
		data: { user_id: "ann\u0000" },
		aggregate_id: "s",
		aggregate_seq: 1,
		version: 1,
		correlation_id: "c",
		actor: null,
		causation_id: null,
	});
	expect(second?.event.aggregate_seq).toBe(2);
	expect((await outboxBacklog(db)).unpublished).toBe(2);
	expect((await outboxBacklog(db)).oldest_age_ms).toBeLessThan(10_000);
});

test.each([
	["another service's event", "users", [loggedIn("s", 1)], "cannot tell"],
	["the same sequence twice", "auth", [loggedIn("s", 1), loggedIn("s", 1)], "duplicate key"],
	["data that no message can hold", "auth", [loggedIn("s", 1, { text: "x".repeat(800_000) })], "bytes of data"],
])("%s is refused, and nothing is told", async (_what, source, events, message) => {
	const { db } = await newSource();
	await expect(db.transaction((tx) => stage(tx, source, events))).rejects.toThrow(message);
	expect((await outboxBacklog(db)).unpublished).toBe(0);
});

test("a transaction that is rolled back tells nothing", async () => {
	const { db } = await newSource();
	const failing = db.transaction(async (tx) => {
		stage(tx, "auth", [loggedIn(newId(), 1)]);
		throw new Error("changed my mind");
	});
	await expect(failing).rejects.toThrow("changed my mind");
	expect((await outboxBacklog(db)).unpublished).toBe(0);
});

test("a long transaction's events are published although later ones were long before", async () => {
	const transport = inProcessTransport();
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(transport);
	source.startRelay(transport);
	const created = (id: string) => ({ ...loggedIn(id, 1), type: "orders.created" }) as Staged;
	await source.db.transaction(async (tx) => {
		stage(tx, "orders", [created("early")]);
		await source.tell(["late"]);
		await sink.has(1);
	});
	await sink.has(2);
	expect(await sink.seen()).toEqual(["late:1", "early:1"]);
});

test("while another node has the round a relay waits, and goes on when that node has gone", async () => {
	const transport = inProcessTransport();
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(transport);
	source.startRelay(transport);
	let leave = () => {};
	const stay = new Promise<void>((resolve) => (leave = resolve));
	const taken = Promise.withResolvers<void>();
	const other = source.db.transaction(async (tx) => {
		while (!(await tryLock(tx, LOCKS.relay)));
		taken.resolve();
		await stay;
	});
	await taken.promise;
	await source.tell(["a"], 3);
	await new Promise((done) => setTimeout(done, 500));
	expect(await sink.seen()).toEqual([]);
	leave();
	await other;
	await sink.has(3);
});

test("events that another transport still had to deliver when it was left are published again", async () => {
	const [source, sink] = [await newSource(), await newSink("sink")];
	let sequence = 0;
	const remote: Transport = {
		publish: async (events) => ({ store: "left", sequence: ++sequence, event_id: events.at(-1)?.event_id ?? "" }),
		holds: async () => true,
		handledUpTo: async () => new Map(),
		consume: () => ({ places: [], waiting: async () => 0, stop: async () => {} }),
		forget: async () => {},
		close: async () => {},
	};
	const before = source.startRelay(remote);
	await source.tell(["a"], 3);
	await until(source.published);
	await before.stop();
	const transport = inProcessTransport();
	sink.start(transport);
	source.startRelay(transport);
	await sink.has(3);
	await source.tell(["a"]);
	await sink.has(4);
	expect(await sink.seen()).toEqual(inOrder("a", 4));
	await until(source.published);
});

test("a relay that stops has published what was told before", async () => {
	const transport = inProcessTransport();
	const [source, sink] = [await newSource(), await newSink("sink")];
	sink.start(transport);
	const relay = source.startRelay(transport);
	atTheEnd(() => transport.close());
	await source.tell(["a"], 600);
	await relay.stop();
	expect(await sink.seen()).toHaveLength(600);
});
