import { v7 as newId } from "uuid";
import type { Replay, ReplayRequest } from "../../contracts/events.ts";
import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import type { EventBus } from "../../services/events/events.commands.ts";
import { prune } from "../../services/events/retention.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const admin = person("root", "admin");
const SYMBOL = "BTC-USD";
const TRADES = 700;
const DAYS = 30;

let node: TestNode;
let bus: EventBus;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	bus = node.broker.getLocalService("events") as unknown as EventBus;
	const events = Array.from({ length: TRADES }, (_, i) => tradeEvent(i + 1));
	await node.dbs.trading.transaction((tx) => stage(tx, "trading", events));
	await until(async () => (await taped()) === TRADES && (await inHistory()) === TRADES);
});
afterAll(() => node.stop());

function tradeEvent(seq: number): Staged {
	const data = {
		trade_id: newId(),
		trade_seq: seq,
		symbol: SYMBOL,
		price: String(100 + seq),
		quantity: "1",
		taker_side: "sell",
		maker_order_id: newId(),
		taker_order_id: newId(),
		created_at: "2026-01-02T03:04:05.678Z",
	} as const;
	const place = { aggregate_id: `market:${SYMBOL}`, aggregate_seq: seq, correlation_id: "c", actor: null };
	return { type: "trading.trade_executed", ...place, data };
}

async function count(service: "data" | "events" | "trading", from: string): Promise<number> {
	const [row] = await node.dbs[service].query<{ count: number }>(`SELECT count(*)::integer AS count FROM ${from}`);
	return row?.count ?? 0;
}
const taped = () => count("data", "trades");
const inHistory = () => count("events", "events WHERE type = 'trading.trade_executed'");

async function replayed(request: ReplayRequest): Promise<Replay> {
	const { replay_id } = await call(node.broker, "events.replay", request, admin);
	const get = () => call(node.broker, "events.replayOf", { replay_id }, admin);
	await until(async () => (await get()).status === "done");
	return get();
}

/** Has `data` forget the trades from number `seq` on, as a restored backup would. */
async function loseFrom(seq: number): Promise<void> {
	const lost = await node.dbs.data.query<{ trade_id: string }>(
		"DELETE FROM trades WHERE trade_seq >= $1 RETURNING trade_id",
		[seq],
	);
	const ids = lost.map((row) => row.trade_id);
	const told = await node.dbs.events.query<{ event_id: string }>(
		"SELECT event_id FROM events WHERE data->>'trade_id' = ANY ($1::text[])",
		[ids],
	);
	await node.dbs.data.query("DELETE FROM inbox WHERE event_id = ANY ($1::uuid[])", [told.map((row) => row.event_id)]);
}

test("a consumer that has lost events gets them from the history, and nobody else gets anything", async () => {
	const others = await node.dbs.risk.query("SELECT * FROM inbox ORDER BY event_id");
	await loseFrom(301);
	expect(await taped()).toBe(300);
	const replay = await replayed({ consumer: "data" });
	expect(replay).toMatchObject({ consumer: "data", again: false, handed_over: TRADES, last_error: null });
	expect(await taped()).toBe(TRADES);
	expect(await node.dbs.risk.query("SELECT * FROM inbox ORDER BY event_id")).toEqual(others);
	const { items } = await call(node.broker, "events.query", { type: "events.replay_requested" }, admin);
	expect(items[0]).toMatchObject({ data: { consumer: "data", again: false }, actor: { user_id: admin.id } });
});

test("what a consumer says that it has handled is handed over again only when that is asked for", async () => {
	await node.dbs.data.query("DELETE FROM trades");
	await replayed({ consumer: "data" });
	expect(await taped()).toBe(0);
	await replayed({ consumer: "data", again: true });
	expect(await taped()).toBe(TRADES);
});

test("a replay begins after a position", async () => {
	const page = await call(node.broker, "events.query", { type: "trading.trade_executed", limit: 500 }, admin);
	await node.dbs.data.query("DELETE FROM trades");
	const { handed_over } = await replayed({ consumer: "data", again: true, after: page.after });
	expect(handed_over).toBe(TRADES - 500);
	expect(await taped()).toBe(TRADES - 500);
	await replayed({ consumer: "data", again: true });
});

test("or at a time; it goes up to what is recorded when it is asked for", async () => {
	const later = new Date(Date.now() + 3_600_000).toISOString();
	expect(await replayed({ consumer: "data", again: true, since: later })).toMatchObject({ handed_over: 0 });
	expect((await call(node.broker, "events.replays", undefined, admin)).items.length).toBeGreaterThan(3);
});

test("a replay waits for a consumer that is away, and says why", async () => {
	const consumer = node.broker.getLocalService("data");
	await node.broker.destroyService(consumer);
	const { replay_id } = await call(node.broker, "events.replay", { consumer: "data" }, admin);
	const get = () => call(node.broker, "events.replayOf", { replay_id }, admin);
	await until(async () => (await get()).last_error !== null);
	expect(await get()).toMatchObject({ status: "running", last_error: expect.stringContaining("cannot be reached") });
	node.broker.createService(consumer.originalSchema);
	await until(async () => (await get()).status === "done");
});

test.each([
	{ consumer: "events" },
	{ consumer: "api" },
	{ consumer: "data", after: "x" },
	{ consumer: "data", since: "now" },
])("%j is refused", async (request) => {
	await expect(call(node.broker, "events.replay", request, admin)).rejects.toMatchObject({ code: 422 });
});

describe("what is old", () => {
	const nothing = new AbortController().signal;
	const age = (service: "events", column: string) =>
		node.dbs[service].query(`UPDATE events SET ${column} = now() - interval '${DAYS + 1} days'`);

	test("stays while a consumer, a subscription or a dead letter still needs it", async () => {
		await age("events", "recorded_at");
		const all = await count("events", "events");
		const [tenth] = await node.dbs.events.query<{ event_id: string; position: string }>(
			"SELECT event_id, position FROM events WHERE type = 'trading.trade_executed' ORDER BY position OFFSET 9 LIMIT 1",
		);
		const before = await count("events", `events WHERE position < ${tenth?.position}`);
		const id = tenth?.event_id as string;

		await node.dbs.events.query(
			`INSERT INTO subscriptions (subscription_id, user_id, scope, types, url, secret, status, position)
			VALUES ($1, $1, 'all', '{*}', '', '', 'active', 0)`,
			[newId()],
		);
		expect(await prune(bus, DAYS, nothing)).toBe(0);
		await node.dbs.events.query("DELETE FROM subscriptions");

		await node.dbs.risk.query("DELETE FROM inbox WHERE event_id = $1", [id]);
		expect(await prune(bus, DAYS, nothing)).toBe(before);
		await node.dbs.risk.query("INSERT INTO inbox (event_id) VALUES ($1)", [id]);

		await node.dbs.data.query(
			`INSERT INTO deliveries (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, next_try_at)
			VALUES ($1, 'x', 1, '{}', 'dead', 5, now())`,
			[id],
		);
		expect(await prune(bus, DAYS, nothing)).toBe(0);
		await node.dbs.data.query("DELETE FROM deliveries");
		expect(await count("events", "events")).toBe(all - before);
	});

	test("goes from history, outboxes and inboxes once everybody has handled it; what is young stays", async () => {
		await node.dbs.events.query(
			"UPDATE events SET recorded_at = now() WHERE (data->>'trade_seq')::integer > 600 AND type LIKE 'trading.%'",
		);
		// Cut short when consumers have forgotten what they cannot tell any more that they have handled.
		const teller = node.broker.getLocalService("trading");
		await node.broker.destroyService(teller);
		const before = await inHistory();
		await expect(prune(bus, DAYS, nothing)).rejects.toMatchObject({ code: 503 });
		expect([await count("data", "inbox"), await inHistory()]).toEqual([100, before]);
		node.broker.createService(teller.originalSchema);
		await node.broker.waitForServices("trading");

		await prune(bus, DAYS, nothing);
		expect(await inHistory()).toBe(100);
		expect(await count("trading", "outbox")).toBe(100);
		const rest = "inbox WHERE event_id IN (SELECT event_id FROM inbox)";
		expect(await count("data", rest)).toBe(100);
		expect(await taped()).toBe(TRADES);
	});

	test("what was published from outside goes with its id: again it is a new event, with the next number", async () => {
		const event_id = newId();
		const signal = { event_id, type: "external.signal_raised", aggregate_id: "bot-1", data: { strength: 3 } } as const;
		const published = () => call(node.broker, "events.publish", signal);
		const recorded = () => count("events", `events WHERE event_id = '${event_id}'`);
		expect(await published()).toEqual({ aggregate_seq: 1 });
		await until(async () => (await recorded()) === 1);
		expect(await published()).toEqual({ aggregate_seq: 1 });
		await node.dbs.events.query("UPDATE events SET recorded_at = 'epoch' WHERE event_id = $1", [event_id]);
		await until(async () => (await prune(bus, DAYS, nothing)) === 1);
		expect([await recorded(), await count("events", "publications")]).toEqual([0, 0]);
		expect(await published()).toEqual({ aggregate_seq: 2 });
		await until(async () => (await recorded()) === 1);
		expect(await published()).toEqual({ aggregate_seq: 2 });
	});

	test("nothing goes while a consumer does not answer", async () => {
		await age("events", "recorded_at");
		await node.broker.destroyService(node.broker.getLocalService("orders"));
		await expect(prune(bus, DAYS, nothing)).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
		expect(await inHistory()).toBe(100);
	});
});
