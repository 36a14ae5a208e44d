import { type Floor, keepFloor, sightFloor } from "../../lib/event-bus/floor.ts";
import { markPublished, nextUnpublished, refill, type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { addFloor } from "../../lib/event-bus/schema.ts";
import { cleanUp, newSource, type Source } from "../contract/event-bus/harness.ts";

afterEach(cleanUp);

const RECEIPT = { store: "s", sequence: 1, event_id: "e" };

const sightOf = ({ db }: Source) => db.transaction(sightFloor);

/** Takes all that waits off the queue, as a relay does. */
async function publishAll({ db }: Source): Promise<void> {
	await db.transaction(async (tx) => markPublished(tx, (await nextUnpublished(tx)).entries, RECEIPT));
}

async function keep({ db }: Source, floor: Partial<Floor>): Promise<void> {
	await db.transaction(async (tx) => keepFloor(tx, { position: null, places: ["a", "b"], checkpoint: null, ...floor }));
}

/** The positions that are queued after the transport has lost events. */
async function refilled({ db }: Source, audience: readonly string[] = ["a"]): Promise<readonly number[]> {
	await db.transaction((tx) => refill(tx, audience));
	return (await db.transaction(nextUnpublished)).entries.map(({ position }) => Number(position));
}

test("in a new outbox, or one from before floors, nothing is known to be handled", async () => {
	const source = await newSource();
	const nothing = { floor: { position: null, places: [], checkpoint: null }, told: null, writers: [] };
	expect(await sightOf(source)).toEqual(nothing);
	await source.db.query("DROP TABLE outbox_floor");
	await source.db.transaction(addFloor);
	await source.db.transaction(addFloor);
	expect(await sightOf(source)).toEqual(nothing);
});

test("a floor is kept as it is", async () => {
	const source = await newSource();
	const floor = {
		position: "9007199254740993",
		places: ["a", "b-c"],
		checkpoint: { position: "9007199254740999", writers: ["3/17"], receipt: RECEIPT },
	};
	for (let i = 0; i < 2; i++) {
		await keep(source, floor);
		expect((await sightOf(source)).floor).toEqual(floor);
	}
});

test("a floor that is what it was costs no row", async () => {
	const source = await newSource();
	const version = async () => source.db.query("SELECT ctid::text, xmin::text FROM outbox_floor");
	const floor = { position: "3", checkpoint: { position: "5", writers: [], receipt: RECEIPT } };
	await keep(source, floor);
	const before = await version();
	await keep(source, floor);
	expect(await version()).toEqual(before);
	await keep(source, { ...floor, position: "4" });
	expect(await version()).not.toEqual(before);
});

test("whoever may yet commit an event before the last one is seen, until he has ended", async () => {
	const source = await newSource();
	const created = { aggregate_id: "early", aggregate_seq: 1, type: "orders.created", correlation_id: "c", actor: null };
	const early = { ...created, data: {} } as unknown as Staged;
	let during: readonly string[] = [];
	await source.db.transaction(async (tx) => {
		stage(tx, "orders", [early]);
		await tx.query("SELECT");
		await source.tell(["late"]);
		const sight = await sightOf(source);
		expect(sight.told).toBe("2");
		expect(sight.writers).toHaveLength(1);
		during = sight.writers;
	});
	expect(during).toHaveLength(1);
	expect(await sightOf(source)).toMatchObject({ told: "2", writers: [] });
});

test("only what comes after the floor is published again, and its checkpoint is forgotten", async () => {
	const source = await newSource();
	await source.tell(["a"], 5);
	await publishAll(source);
	const checkpoint = { position: "5", writers: [], receipt: RECEIPT };
	await keep(source, { position: "3", checkpoint });
	expect(await refilled(source)).toEqual([4, 5]);
	expect((await sightOf(source)).floor).toEqual({ position: "3", places: ["a", "b"], checkpoint: null });
});

test("without a floor, or with one that somebody had no part in, all of the last days is published again", async () => {
	const source = await newSource();
	await source.tell(["a"], 3);
	await publishAll(source);
	await source.db.query("UPDATE outbox SET occurred_at = now() - interval '5 days' WHERE position = 1");
	expect(await refilled(source)).toEqual([2, 3]);
	await publishAll(source);
	await keep(source, { position: "3" });
	expect(await refilled(source, ["a", "c"])).toEqual([2, 3]);
	await publishAll(source);
	await keep(source, { position: null });
	expect(await refilled(source)).toEqual([2, 3]);
});

test("what waits to be published stays, wherever the floor is", async () => {
	const source = await newSource();
	await source.tell(["a"], 3);
	await keep(source, { position: "3" });
	expect(await refilled(source)).toEqual([1, 2, 3]);
});

test("a clock that is put back keeps nothing from being published again", async () => {
	const source = await newSource();
	await source.tell(["a"], 3);
	await publishAll(source);
	await keep(source, { position: "2" });
	await source.db.query("UPDATE outbox SET occurred_at = occurred_at - interval '1 hour' WHERE position = 3");
	expect(await refilled(source)).toEqual([3]);
});
