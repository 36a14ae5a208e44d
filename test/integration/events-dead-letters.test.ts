import { v7 as newId } from "uuid";
import type { Page } from "../../contracts/common.ts";
import type { DeadLetter } from "../../contracts/event-bus.ts";
import type { TradeExecuted } from "../../contracts/trading.ts";
import { stage } from "../../lib/event-bus/outbox.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const admin = person("root", "admin");
const POISON = "13.00";
/** The product's own five tries take 17 s. */
const DEAD_AFTER_MS = 40_000;
const SOON_MS = 1_000;
/** What NATS carries. */
const MAX_MESSAGE_BYTES = 2 ** 20;

let node: TestNode;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	// What makes the event poison is the consumer's fault, so that it can be mended.
	await node.dbs.data.query("ALTER TABLE trades ADD CONSTRAINT unlucky CHECK (price <> 13)");
});
afterAll(() => node.stop());

let told = 0;
/** Tells of a trade as trading would. */
async function tell(symbol: string, price: string): Promise<TradeExecuted> {
	told += 1;
	const ids = { trade_id: newId(), maker_order_id: newId(), taker_order_id: newId() };
	const data = {
		...ids,
		trade_seq: told,
		symbol,
		price,
		quantity: "1",
		taker_side: "buy",
		created_at: new Date().toISOString(),
	} as const;
	const place = { aggregate_id: `market:${symbol}`, aggregate_seq: told, correlation_id: "c", actor: null };
	await node.dbs.trading.transaction((tx) =>
		stage(tx, "trading", [{ type: "trading.trade_executed", ...place, data }]),
	);
	return data;
}

const deadLetters = async (consumer?: string): Promise<readonly DeadLetter[]> =>
	(await call(node.broker, "events.deadLetters", consumer ? { consumer } : {}, admin)).items;

/** All pages of dead letters, from the first to the last. */
async function pagesOf(query: { readonly limit: number }): Promise<readonly (readonly DeadLetter[])[]> {
	const pages: (readonly DeadLetter[])[] = [];
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const params = { ...query, ...(cursor && { cursor }) };
		const page: Page<DeadLetter> = await call(node.broker, "events.deadLetters", params, admin);
		pages.push(page.items);
		cursor = page.next_cursor;
	}
	return pages;
}

const keysIn = (pages: readonly (readonly DeadLetter[])[]) =>
	pages.flat().map(({ consumer, event }) => `${consumer} ${event.event_id}`);

const isTaped = ({ trade_id }: TradeExecuted) =>
	until(async () => {
		const rows = await node.dbs.data.query("SELECT FROM trades WHERE trade_id = $1", [trade_id]);
		return rows.length === 1;
	});

test(
	"a poison message is a dead letter after five tries, delays no other, and is handled once its cause is mended",
	async () => {
		const poison = await tell("BTC-USD", POISON);
		const startedAt = performance.now();
		let slowest = 0;
		while ((await deadLetters("data")).length === 0) {
			if (performance.now() - startedAt > DEAD_AFTER_MS) throw new Error("the poison event is tried for ever");
			const toldAt = performance.now();
			await isTaped(await tell("ETH-USD", "2000"));
			slowest = Math.max(slowest, performance.now() - toldAt);
		}
		expect(slowest).toBeLessThan(SOON_MS);

		const [letter] = await deadLetters();
		expect(letter).toMatchObject({
			consumer: "data",
			attempts: 5,
			last_error: expect.stringContaining("unlucky"),
			event: { type: "trading.trade_executed", data: poison },
		});
		// Other consumers have handled it, and so did the history.
		expect(await deadLetters("risk")).toEqual([]);
		const event_id = letter?.event.event_id as string;
		expect(await call(node.broker, "events.deadLetter", { consumer: "data", event_id }, admin)).toEqual(letter);

		await node.dbs.data.query("ALTER TABLE trades DROP CONSTRAINT unlucky");
		expect(await call(node.broker, "events.redrive", { consumer: "data", event_id }, admin)).toEqual({ redriven: 1 });
		await isTaped(poison);
		expect(await deadLetters()).toEqual([]);
		const { items } = await call(node.broker, "events.query", { type: "events.redrive_requested" }, admin);
		expect(items[0]).toMatchObject({ data: { consumer: "data", event_id }, actor: { user_id: admin.id } });
	},
	2 * DEAD_AFTER_MS,
);

describe("with dead letters of two consumers", () => {
	const ids = Array.from({ length: 5 }, () => newId()).sort();
	beforeEach(async () => {
		for (const service of ["data", "risk"] as const) {
			await node.dbs[service].query(
				`INSERT INTO deliveries (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, next_try_at)
				SELECT id::uuid, id, 1, json_build_object('event_id', id), 'dead', 5, now() FROM unnest($1::text[]) AS id`,
				[ids],
			);
		}
	});
	afterEach(() =>
		Promise.all([node.dbs.data.query("DELETE FROM deliveries"), node.dbs.risk.query("DELETE FROM deliveries")]),
	);

	test("pages show each of them once, by consumer and id", async () => {
		const pages = await pagesOf({ limit: 3 });
		expect(Math.max(...pages.map((page) => page.length))).toBe(3);
		expect(keysIn(pages)).toEqual(["data", "risk"].flatMap((consumer) => ids.map((id) => `${consumer} ${id}`)));
	});

	test("pages of long ones fit into messages of the cluster, and miss none", async () => {
		for (const service of ["data", "risk"] as const)
			await node.dbs[service].query(
				`UPDATE deliveries SET last_error = repeat('e', 1000),
					envelope = json_build_object('event_id', event_id, 'data', repeat('x', 400000))`,
			);
		const answer = await node.broker.call("data.inbox.deadLetters", { after: null, limit: 500 });
		expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(MAX_MESSAGE_BYTES);
		const pages = await pagesOf({ limit: 500 });
		for (const page of pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(MAX_MESSAGE_BYTES);
		expect(keysIn(pages)).toEqual(["data", "risk"].flatMap((consumer) => ids.map((id) => `${consumer} ${id}`)));
	});

	test("one can be discarded for good, which is told; the others stay", async () => {
		const params = { consumer: "risk", event_id: ids[2] as string };
		expect(await call(node.broker, "events.discard", params, admin)).toEqual({ discarded: true });
		expect((await deadLetters("risk")).map(({ event }) => event.event_id)).toEqual(ids.filter((_, i) => i !== 2));
		expect(await deadLetters("data")).toHaveLength(5);
		await expect(call(node.broker, "events.discard", params, admin)).rejects.toMatchObject({ type: "NOT_FOUND" });
		await until(async () => {
			const query = { type: "events.dead_letter_discarded" };
			return (await call(node.broker, "events.query", query, admin)).items.length === 1;
		});
	});

	test.each(["deadLetter", "redrive", "discard"] as const)(
		"%s refuses an event that is none of them",
		async (action) => {
			const params = { consumer: "data", event_id: newId() };
			await expect(call(node.broker, `events.${action}`, params, admin)).rejects.toMatchObject({ type: "NOT_FOUND" });
		},
	);
});

test.each(["trading", "nobody", "events.inbox", ""])("%j is no consumer", async (consumer) => {
	await expect(call(node.broker, "events.redrive", { consumer }, admin)).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
		data: { errors: [{ pointer: "/consumer", code: "NOT_ALLOWED" }] },
	});
});

test("how far behind everybody is can be seen", async () => {
	await until(async () => (await backlog()).outboxes["trading"]?.unpublished === 0);
	const { outboxes, consumers } = await backlog();
	expect(outboxes["trading"]).toEqual({ unpublished: 0, oldest_age_ms: 0 });
	expect(consumers["data"]).toEqual({ waiting: 0, delay_ms: expect.any(Number), retrying: 0, parked: 0, dead: 0 });
	expect(Object.values({ ...outboxes, ...consumers })).not.toContain(null);
});

test("of a consumer that does not answer it is said so, rather than a part shown as the whole", async () => {
	await node.broker.destroyService(node.broker.getLocalService("orders"));
	await expect(call(node.broker, "events.deadLetters", {}, admin)).rejects.toMatchObject({
		type: "SERVICE_UNAVAILABLE",
	});
	expect((await backlog()).consumers["orders"]).toBeNull();
	expect(await deadLetters("data")).toEqual([]);
});

const backlog = () => call(node.broker, "events.backlog", undefined, admin);
