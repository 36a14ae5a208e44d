import { v7 as newId } from "uuid";
import { createNode } from "../../cli/node.ts";
import type { Envelope, EventQuery } from "../../contracts/events.ts";
import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { call } from "../../lib/service.ts";
import { record } from "../../services/events/events.store.ts";
import { eventOf as event } from "../support/events.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const KEY = "orders.max_open_orders";
const admin = person("root", "admin");

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "events"]);
});
afterAll(() => node.stop());

const query = (params: EventQuery) => call(node.broker, "events.query", params, admin);
const recordAll = (events: readonly Envelope[]) => node.dbs.events.transaction((tx) => record(tx, events));

test("what a service tells is in the history once, as it was told, with contiguous sequence numbers", async () => {
	for (const [version, value] of [200, 300, 400].entries()) {
		const params = { key: KEY, value, expected_version: version };
		await call(node.broker, "config.set", params, { ...admin, requestID: `request-${version}` });
	}
	await until(async () => (await query({ aggregate_id: `setting:${KEY}` })).items.length === 3);
	const { items, next_cursor } = await query({ aggregate_id: `setting:${KEY}` });
	expect(next_cursor).toBeNull();
	expect(items.map((item) => item.aggregate_seq)).toEqual([1, 2, 3]);
	expect(items[1]).toMatchObject({
		type: "config.changed",
		source: "config",
		data: { key: KEY, value: 300, version: 2, by: admin.id },
		correlation_id: "request-1",
		causation_id: null,
	});
	const told = await node.dbs.config.query<{ event_id: string }>("SELECT event_id FROM outbox ORDER BY position");
	expect(items.map((item) => item.event_id)).toEqual(told.map((row) => row.event_id));
});

test("an event that is recorded again changes nothing; it comes back exactly as it was", async () => {
	const once = event();
	await recordAll([once]);
	await recordAll([once, once]);
	expect((await query({ aggregate_id: once.aggregate_id })).items).toEqual([once]);
});

test("two events may not share a place in their aggregate", async () => {
	const first = event();
	await recordAll([first]);
	await expect(recordAll([{ ...first, event_id: newId() }])).rejects.toThrow();
	expect((await query({ aggregate_id: first.aggregate_id })).items).toEqual([first]);
});

test("pages follow one another in the order of recording, with any filter, and end with null", async () => {
	const [aggregate, correlation] = [newId(), newId()];
	const events = Array.from({ length: 7 }, (_, i) =>
		event({ aggregate_id: aggregate, aggregate_seq: i + 1, correlation_id: correlation, type: `test.kind_${i % 2}` }),
	);
	await recordAll(events);
	for (const filter of [{ aggregate_id: aggregate }, { correlation_id: correlation }]) {
		const seen: Envelope[] = [];
		const sizes: number[] = [];
		let after: string | null = null;
		do {
			const page: Awaited<ReturnType<typeof query>> = await query({ ...filter, limit: 3, ...(after && { after }) });
			seen.push(...page.items);
			sizes.push(page.items.length);
			after = page.next_cursor;
		} while (after);
		expect(seen).toEqual(events);
		expect(sizes).toEqual([3, 3, 1]);
	}
	expect((await query({ type: "test.kind_1", aggregate_id: aggregate })).items).toHaveLength(3);
	expect((await query({ type: "test.unheard_of" })).items).toEqual([]);
});

test("what happened in a span of time is found, from any position on, whenever it was recorded", async () => {
	const aggregate = newId();
	const at = (minute: number) => `2026-03-01T10:0${minute}:00.000Z`;
	const events = [3, 1, 2, 4].map((minute, i) =>
		event({ aggregate_id: aggregate, aggregate_seq: i + 1, timestamp: at(minute), type: "test.timed" }),
	);
	await recordAll(events);
	const minutes = async (params: EventQuery) =>
		(await query({ ...params, aggregate_id: aggregate })).items.map(({ timestamp }) => Number(timestamp.slice(14, 16)));
	expect(await minutes({ since: at(2) })).toEqual([3, 2, 4]);
	expect(await minutes({ until: at(3) })).toEqual([1, 2]);
	expect(await minutes({ since: at(2), until: at(4) })).toEqual([3, 2]);
	const { after } = await query({ aggregate_id: aggregate, limit: 2 });
	expect(await minutes({ since: at(2), after })).toEqual([2, 4]);
	expect(await minutes({ since: new Date(Date.now() + 3_600_000).toISOString() })).toEqual([]);
});

test("the last page says where to go on when more has been recorded", async () => {
	const type = "test.followed";
	const [first, second] = [event({ type }), event({ type })];
	await recordAll([first]);
	const page = await query({ type });
	expect(page).toMatchObject({ items: [first], next_cursor: null });
	await recordAll([second]);
	expect((await query({ type, after: page.after })).items).toEqual([second]);
	expect(await call(node.broker, "events.tail", { type, limit: 1 }, admin)).toMatchObject({ items: [second] });
	const { after } = await query({ type, after: page.after });
	expect(await query({ type, after })).toEqual({ items: [], next_cursor: null, after });
});

test.each(["", "x", "MQ==", "LTE", "MS41", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ"])(
	"the cursor %j is refused",
	async (after) => {
		await expect(query({ after })).rejects.toMatchObject({ code: 422 });
	},
);

test("a forged cursor is named as what is wrong", async () => {
	await expect(query({ after: "LTE" })).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
		data: { errors: [{ pointer: "/after", code: "INVALID_CURSOR" }] },
	});
});

test.each([{ since: "2026-02-30T00:00:00Z" }, { since: "yesterday" }, { until: "2026-01-02" }, { until: "" }])(
	"%j is refused, as no point in time",
	async (params) => {
		await expect(query(params)).rejects.toMatchObject({ code: 422 });
	},
);

test.each([{ limit: 0 }, { limit: 501 }, { limit: 1.5 }, { type: "\u0000" }, { colour: "red" }])(
	"%j is refused",
	async (params) => {
		await expect(query(params as EventQuery)).rejects.toMatchObject({ code: 422 });
	},
);

test("a page never shows a later event before an earlier one is there", async () => {
	const [slow, quick] = [event({ type: "test.slow" }), event({ type: "test.quick" })];
	let finish = () => {};
	const unfinished = new Promise<void>((resolve) => (finish = resolve));
	const recorded = Promise.withResolvers<void>();
	const first = node.dbs.events.transaction(async (tx) => {
		record(tx, [slow]);
		recorded.resolve();
		await unfinished;
	});
	await recorded.promise;
	const second = recordAll([quick]);
	await new Promise((done) => setTimeout(done, 200));
	expect((await query({ type: "test.quick" })).items).toEqual([]);
	finish();
	await Promise.all([first, second]);
	const positions = await node.dbs.events.query<{ type: string }>(
		"SELECT type FROM events WHERE type IN ('test.slow', 'test.quick') ORDER BY position",
	);
	expect(positions.map((row) => row.type)).toEqual(["test.slow", "test.quick"]);
});

test("what was told while no node ran is published at the next start", async () => {
	const told = {
		type: "config.changed",
		aggregate_id: "setting:users.max_users",
		aggregate_seq: 1,
		data: { key: "users.max_users", value: 5, version: 1, by: admin.id },
		correlation_id: "c",
		actor: null,
	} satisfies Staged;
	await node.broker.stop();
	await node.dbs.config.transaction((tx) => stage(tx, "config", [told]));
	const again = await createNode(["config", "events"], { logger: false, dependencyInterval: 10 });
	await again.start();
	const params = { aggregate_id: told.aggregate_id };
	await until(async () => (await call(again, "events.query", params, admin)).items.length === 1);
	await again.stop();
});
