import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Envelope } from "../../../contracts/events.ts";
import { openDb, type Tx } from "../../../lib/db.ts";
import { MAX_BYTES } from "../../../lib/event-bus/bounds.ts";
import { tooEarly } from "../../../lib/event-bus/consumer.ts";
import { FIRST_RETRY_MS } from "../../../lib/event-bus/failures.ts";
import { lastReceipt, outboxBacklog } from "../../../lib/event-bus/outbox.ts";
import type { Receipt, Transport } from "../../../lib/event-bus/transport.ts";
import { serverUrl } from "../../support/databases.ts";
import { until } from "../../support/until.ts";
import { atTheEnd, cleanUp, inOrder, keyOf, newSink, newSource, onlyOf, type Sink, unruly } from "./harness.ts";

const AGGREGATES = Array.from({ length: 10 }, (_, i) => `a${i}`);
/** As large as an event may be, nearly. */
const LARGE = 700 * 1_024;
/** By so much a poison event may delay those of other aggregates. */
const MAX_DELAY_MS = 1_000;
/** A machine that stalls may delay one of them by more; a consumer that waits for the last try does so for 12.8 s. */
const MAX_STALL_MS = 6_000;
const BETWEEN_BYSTANDERS_MS = 100;
const PATIENCE_MS = 40_000;
/** Of a transport that gives none. */
const NO_RECEIPT: Receipt = { store: "", sequence: 0, event_id: "" };
/** An event that comes before its predecessor waits longer each time. */
const SHUFFLED_TEST_MS = 60_000;
/** More than the aggregates that may wait before a consumer takes no more. */
const MANY = 10_500;
const MANY_TEST_MS = 150_000;
/** Nothing is tried again before a test says so. */
const LONG_RETRY_MS = 600_000;
/** The tries of a poison event take 17 s. */
const POISON_TEST_MS = 60_000;

/** What every transport must do; `connect` gives a node's transport on a bus that is new for each test. */
export function describeEventBus(connect: () => Transport): void {
	// Sequelize says on the console when it drops a broken connection: here that is meant to happen.
	beforeEach(() => void import.meta.jest.spyOn(console, "warn").mockImplementation(() => {}));
	afterEach(cleanUp);

	/** A transport as one more node has it. */
	function node(): Transport {
		const transport = connect();
		atTheEnd(() => transport.close());
		return transport;
	}

	test("every consumer gets every event once, those of an aggregate in order", async () => {
		const transport = node();
		const [source, one, two] = [await newSource(), await newSink("one"), await newSink("two")];
		one.start(transport);
		two.start(transport);
		source.startRelay(transport);
		for (let i = 0; i < 30; i++) await source.tell(AGGREGATES, 4, i % 2 ? "orders.created" : "orders.executed");
		for (const sink of [one, two]) {
			await sink.has(1_200);
			const seen = await sink.seen();
			for (const aggregate of AGGREGATES) expect(onlyOf(aggregate, seen)).toEqual(inOrder(aggregate, 120));
		}
		await until(source.published);
		expect(await outboxBacklog(source.db)).toEqual({ unpublished: 0, oldest_age_ms: 0 });
	});

	test("a consumer is not called for types that it does not handle", async () => {
		const transport = node();
		const [source, created, all] = [await newSource(), await newSink("created"), await newSink("all")];
		created.start(transport, { types: ["orders.created", "users.created"] });
		all.start(transport, { types: ["*"] });
		source.startRelay(transport);
		await source.tell(["a"], 2, "orders.created");
		await source.tell(["a"], 2, "orders.executed");
		await source.tell(["a"], 1, "orders.created");
		await all.has(5);
		await created.has(3);
		expect(await created.seen()).toEqual(["a:1", "a:2", "a:5"]);
	});

	test(
		"events that come up to five times, in any order, give the state that they give once and in order",
		async () => {
			const transport = node();
			const [source, ordered, shuffled] = [await newSource(), await newSink("ordered"), await newSink("shuffled")];
			for (const { db } of [ordered, shuffled]) await db.query(CREATE_BALANCES);
			ordered.start(transport, { handle: addToBalances });
			shuffled.start(unruly(transport), { handle: addToBalances });
			await source.tell(AGGREGATES.slice(0, 5), 10);
			source.startRelay(transport);
			await ordered.has(50);
			await shuffled.has(50, PATIENCE_MS);
			const balances = await balancesOf(ordered);
			expect(balances).toHaveLength(5);
			for (const balance of balances) expect(balance).toMatchObject({ last: 10, total: 55 });
			expect(await balancesOf(shuffled)).toEqual(balances);
			await until(async () => (await shuffled.deliveries()).length === 0);
		},
		SHUFFLED_TEST_MS,
	);

	test(
		"a poison event is a dead letter after five tries, and its followers go on; others are never held up",
		async () => {
			const transport = node();
			const [source, sink] = [await newSource(), await newSink("sink")];
			const handledAt = new Map<string, number>();
			let tries = 0;
			sink.start(transport, {
				firstRetryMs: FIRST_RETRY_MS,
				async handle(tx, events) {
					if (events.some((event) => keyOf(event) === "a1:3")) {
						if (events.length === 1) tries += 1;
						throw new TypeError("cannot read this\0");
					}
					tx.afterCommit(() => events.forEach((event) => handledAt.set(keyOf(event), performance.now())));
				},
			});
			source.startRelay(transport);
			await source.tell(AGGREGATES, 6);
			await sink.has(60 - 4);
			const dead = { key: "a1:3", state: "dead", attempts: 5 };
			const bystanders = AGGREGATES.filter((aggregate) => aggregate !== "a1");
			const delaysMs: number[] = [];
			for (let sequence = 7; (await sink.deliveries()).every(({ state }) => state !== "dead"); sequence++) {
				await source.tell(bystanders);
				const toldAt = performance.now();
				const keys = bystanders.map((aggregate) => `${aggregate}:${sequence}`);
				await until(() => keys.every((key) => handledAt.has(key)), PATIENCE_MS);
				delaysMs.push(Math.max(...keys.map((key) => handledAt.get(key) ?? 0)) - toldAt);
				await delay(BETWEEN_BYSTANDERS_MS);
			}
			expect(delaysMs.length).toBeGreaterThan(10);
			delaysMs.sort((a, b) => a - b);
			expect(delaysMs[Math.floor(delaysMs.length * 0.9)]).toBeLessThan(MAX_DELAY_MS);
			expect(delaysMs.at(-1)).toBeLessThan(MAX_STALL_MS);
			expect(tries).toBe(5);
			await until(async () => (await sink.deliveries()).length === 1);
			expect(await sink.deliveries()).toEqual([dead]);
			await source.tell(["a1"]);
			await until(() => handledAt.has("a1:7"));
			expect(onlyOf("a1", await sink.seen())).toEqual(["a1:1", "a1:2", "a1:4", "a1:5", "a1:6", "a1:7"]);
		},
		POISON_TEST_MS,
	);

	test(
		"however many events wait behind a failing one, others are handled, and they too once it can be",
		async () => {
			const transport = node();
			const [source, sink] = [await newSource(), await newSink("sink")];
			let mended = false;
			sink.start(transport, {
				firstRetryMs: LONG_RETRY_MS,
				async handle(_tx, events) {
					if (!mended && events.some((event) => event.aggregate_id === "busy")) throw new Error("not mended yet");
				},
			});
			source.startRelay(transport);
			await source.tell(["busy"], MANY);
			await until(async () => (await sink.deliveries()).length === MANY, PATIENCE_MS);
			await source.tell(["busy", ...AGGREGATES]);
			await sink.has(AGGREGATES.length, PATIENCE_MS);
			await until(async () => (await sink.deliveries()).length === MANY + 1, PATIENCE_MS);
			expect((await sink.deliveries()).filter(({ state }) => state === "retrying")).toHaveLength(1);

			mended = true;
			await sink.db.query("UPDATE deliveries SET next_try_at = now()");
			await sink.has(AGGREGATES.length + MANY + 1, PATIENCE_MS);
			expect(onlyOf("busy", await sink.seen())).toEqual(inOrder("busy", MANY + 1));
			await until(async () => (await sink.deliveries()).length === 0, PATIENCE_MS);
		},
		MANY_TEST_MS,
	);

	test("an event that came before its predecessor waits for it, and no try is counted", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		let open = false;
		sink.start(transport, {
			async handle(_tx, events) {
				if (!open && events.some((event) => event.aggregate_id === "late")) throw tooEarly("not open yet");
			},
		});
		source.startRelay(transport);
		await source.tell(["late", "other"], 3);
		await sink.has(3);
		await until(async () => (await sink.deliveries()).length === 3);
		expect(await sink.deliveries()).toContainEqual({ key: "late:1", state: "parked", attempts: 0 });
		open = true;
		await sink.has(6);
		expect(onlyOf("late", await sink.seen())).toEqual(inOrder("late", 3));
		expect(await sink.deliveries()).toEqual([]);
	});

	test("what was set aside by a node of a newer version waits for one that handles its type", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		const types = ["orders.created", "orders.executed"];
		source.startRelay(transport);
		const newer = sink.start(transport, {
			types,
			firstRetryMs: PATIENCE_MS,
			handle: () => Promise.reject(new Error("it cannot yet")),
		});
		await source.tell(["a"], 1, "orders.executed");
		await until(async () => (await sink.deliveries()).length === 1);
		await newer.stop();
		await sink.db.query("UPDATE deliveries SET next_try_at = now()");
		const older = sink.start(transport, { types: ["orders.created"] });
		await until(async () => (await sink.deliveries())[0]?.state !== "retrying");
		await older.stop();
		expect(await sink.deliveries()).toEqual([{ key: "a:1", state: "parked", attempts: 1 }]);
		sink.start(transport, { types });
		await sink.has(1);
	});

	test("while a consumer's database is down its events wait, and no try is counted", async () => {
		const transport = node();
		const [source, sink, other] = [await newSource(), await newSink("sink"), await newSink("other")];
		sink.start(transport);
		other.start(transport);
		source.startRelay(transport);
		await source.tell(AGGREGATES);
		await sink.has(10);
		await other.has(10);
		const name = new URL(sink.database.url).pathname.slice(1);
		const server = openDb(serverUrl("postgres"), { applicationName: "test-admin", poolSize: 1 });
		atTheEnd(() => server.close());
		await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
		await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
		await source.tell(AGGREGATES, 3);
		await other.has(40);
		await server.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
		await sink.has(40);
		for (const aggregate of AGGREGATES) expect(onlyOf(aggregate, await sink.seen())).toEqual(inOrder(aggregate, 4));
		expect(await sink.deliveries()).toEqual([]);
	});

	test("a relay that ends between publishing and marking repeats events, whose effects do not", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		let crashes = 3;
		const crashing: Transport = {
			...transport,
			async publish(events) {
				const receipt = await transport.publish(events);
				if (crashes-- > 0) await source.endRelays();
				return receipt;
			},
		};
		sink.start(transport);
		source.startRelay(crashing);
		await source.tell(AGGREGATES, 5);
		await until(source.published);
		expect(crashes).toBeLessThan(0);
		await sink.has(50);
		for (const aggregate of AGGREGATES) expect(onlyOf(aggregate, await sink.seen())).toEqual(inOrder(aggregate, 5));
	});

	test("of large events no more are published or handled at once than may be held", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		const sizes: number[] = [];
		const note = (events: readonly Envelope[]) => void sizes.push(JSON.stringify(events).length);
		const away = sink.start(transport);
		await away.stop();
		// One that the database compresses, and one that it cannot.
		await source.tell(["a"], 40, "orders.created", "x".repeat(LARGE));
		await source.tell(["a"], 40, "orders.created", randomBytes(LARGE / 2).toString("hex"));
		sink.start(transport, { handle: async (_tx, events) => note(events) });
		source.startRelay({
			...transport,
			publish(events, bytes) {
				note(events);
				return transport.publish(events, bytes);
			},
		});
		await sink.has(80, PATIENCE_MS);
		expect(await sink.seen()).toEqual(inOrder("a", 80));
		expect(Math.max(...sizes)).toBeLessThan(MAX_BYTES + 2 * LARGE);
		expect(Math.max(...sizes)).toBeGreaterThan(MAX_BYTES / 2);
	});

	test("several relays of one service keep the order and repeat no effect", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		sink.start(transport);
		for (let i = 0; i < 3; i++) source.startRelay(transport);
		for (let i = 0; i < 20; i++) await source.tell(AGGREGATES, 5);
		await sink.has(1_000);
		for (const aggregate of AGGREGATES) expect(onlyOf(aggregate, await sink.seen())).toEqual(inOrder(aggregate, 100));
	});

	test("a consumer takes what it has missed from elsewhere, and what it has handled only when told to", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		const taken: Envelope[] = [];
		const consumer = sink.start(transport, { handle: async (_tx, events) => void taken.push(...events) });
		source.startRelay(transport);
		await source.tell(["a"], 3);
		await sink.has(3);
		const [first, second, third] = taken.splice(0);
		await sink.db.query("DELETE FROM seen");
		await sink.db.query("DELETE FROM inbox WHERE event_id = $1", [second?.event_id ?? ""]);
		const events = [first, second, third] as Envelope[];
		await consumer.take(events, false);
		expect(taken.splice(0)).toEqual([second]);
		await sink.db.query("DELETE FROM seen");
		await consumer.take(events, true);
		expect(taken).toEqual(events);
		await until(async () => (await consumer.waiting()) === 0);
	});

	test("it is known of each place of a consumer when all that was accepted has been handled", async () => {
		const transport = node();
		const [source, some, all] = [await newSource(), await newSink("some"), await newSink("all")];
		const consumers = [some.start(transport), all.start(transport, { types: ["*"] })];
		const places = consumers.flatMap((consumer) => consumer.places);
		source.startRelay(transport);
		await source.tell(["a"], 20);
		await until(source.published);
		const receipt = (await source.db.transaction(lastReceipt)) ?? NO_RECEIPT;
		await until(async () => {
			const handled = await transport.handledUpTo(receipt, ["orders"]);
			return handled.size === places.length && places.every((place) => handled.get(place));
		});
		await some.has(20);
		await all.has(20);
	});

	test("what is told while a consumer is away is handled when it is back", async () => {
		const transport = node();
		const [source, sink] = [await newSource(), await newSink("sink")];
		const first = sink.start(transport);
		source.startRelay(transport);
		await source.tell(["a"], 3);
		await sink.has(3);
		await first.stop();
		await source.tell(["a"], 3);
		await delay(300);
		expect(await sink.seen()).toHaveLength(3);
		sink.start(transport);
		await sink.has(6);
		expect(await sink.seen()).toEqual(inOrder("a", 6));
	});
}

/** What is made of the events of an aggregate: it matters how often they come, and in what order. */
interface Balance {
	readonly aggregate_id: string;
	readonly total: number;
	readonly last: number;
	readonly history: string;
}

const CREATE_BALANCES = "CREATE TABLE balances (aggregate_id text PRIMARY KEY, total int, last int, history text)";

async function addToBalances(tx: Tx, events: readonly Envelope[]): Promise<void> {
	// Of its own events alone: others may be handled in another transaction meanwhile.
	const rows = await tx.query<Balance>("SELECT * FROM balances WHERE aggregate_id = ANY ($1)", [
		events.map((event) => event.aggregate_id),
	]);
	const balances = new Map(rows.map((row) => [row.aggregate_id, row]));
	for (const { aggregate_id, aggregate_seq, data } of events) {
		const { total = 0, last = 0, history = "" } = balances.get(aggregate_id) ?? {};
		if (aggregate_seq !== last + 1) throw tooEarly(`${aggregate_id} is only at ${last}`);
		const { n } = data as { readonly n: number };
		balances.set(aggregate_id, { aggregate_id, total: total + n, last: aggregate_seq, history: `${history} ${n}` });
	}
	const changed = [...balances.values()];
	await tx.query(
		`INSERT INTO balances SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::text[])
		ON CONFLICT (aggregate_id) DO UPDATE
		SET total = excluded.total, last = excluded.last, history = excluded.history`,
		[
			changed.map((balance) => balance.aggregate_id),
			changed.map((balance) => balance.total),
			changed.map((balance) => balance.last),
			changed.map((balance) => balance.history),
		],
	);
}

function balancesOf({ db }: Sink): Promise<readonly Balance[]> {
	return db.query("SELECT * FROM balances ORDER BY aggregate_id");
}
