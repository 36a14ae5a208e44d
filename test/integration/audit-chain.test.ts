import type { ChainFault, ChainVerdict, Verification } from "../../contracts/audit.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Tx } from "../../lib/db.ts";
import { call } from "../../lib/service.ts";
import { selectLinks } from "../../services/audit/audit.store.ts";
import { chained, type Place } from "../../services/audit/domain/chain.ts";
import { verifyChain } from "../../services/audit/verification.ts";
import { record } from "../support/audit.ts";
import { eventOf } from "../support/events.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

/** Recorded in batches of 400, so that every third one is anchored. */
const LENGTH = 5_200;
const ANCHORED = [1_200, 2_400, 3_600, 4_800];

const auditor = person("eve", "auditor");
const changed = (): Envelope => eventOf({ type: "config.changed", source: "config", data: { key: "k", value: 1 } });

let node: TestNode;
let anchors: readonly Place[];
beforeAll(async () => {
	node = await startServices(["audit", "events"]);
	for (let made = 0; made < LENGTH; made += 400)
		await record(node.dbs.audit, [...Array.from({ length: 399 }, () => eventOf()), changed()]);
	anchors = await node.dbs.audit.query<Place>("SELECT seq::integer, hash FROM anchors ORDER BY seq");
});
afterAll(() => node.stop());

async function* telling(places: readonly Place[]): AsyncGenerator<Place> {
	yield* places;
}

type Damage = string | ((tx: Tx) => Promise<unknown>);

/** What a verification finds after `damage`, which is undone: the owner's, with the guards out of the way. */
async function afterDamage(damage: Damage, witness = anchors): Promise<ChainVerdict> {
	const undo = new Error("undo");
	let verdict: ChainVerdict | undefined;
	const work = node.dbs.audit.transaction(async (tx) => {
		await tx.query("SET LOCAL session_replication_role = replica");
		await (typeof damage === "string" ? tx.query(damage) : damage(tx));
		verdict = await verifyChain(tx, { witness: telling(witness) });
		throw undo;
	});
	await expect(work).rejects.toBe(undo);
	return verdict as ChainVerdict;
}

test("a chain that nobody has touched is whole, and both its own anchors and the history's agree", async () => {
	expect(anchors.map(({ seq }) => seq)).toEqual(ANCHORED);
	expect(await verifyChain(node.dbs.audit, { witness: telling(anchors) })).toEqual({
		ok: true,
		records: LENGTH,
		first_bad: null,
		anchors: 4,
		witnessed: 4,
	});
});

const DROP_CHECK = "ALTER TABLE records DROP CONSTRAINT records_seq_check";
/** Whole records change places, near each other and far apart. */
const swap = (a: number, b: number) =>
	`${DROP_CHECK}; UPDATE records SET seq = -seq WHERE seq IN (${a}, ${b});
	UPDATE records SET seq = CASE seq WHEN -${a} THEN ${b} ELSE ${a} END WHERE seq < 0`;
/** What two records say changes places, and their numbers and hashes stay. */
const SWAP_CONTENT = `
	CREATE TEMP TABLE pair ON COMMIT DROP AS SELECT * FROM records WHERE seq IN (200, 300);
	DELETE FROM records WHERE seq IN (200, 300);
	INSERT INTO records SELECT b.seq, a.event_id, a.time, a.user_id, a.action, a.object, a.ip, a.result, a.request_id,
		a.data_hash, a.details, b.hash FROM pair a JOIN pair b ON a.seq <> b.seq`;

test.each<[string, string, number, ChainFault]>([
	["another letter in a record", "UPDATE records SET object = 'x' || object WHERE seq = 77", 77, "HASH_MISMATCH"],
	["another digit in a hash", "UPDATE records SET hash = reverse(hash) WHERE seq = 78", 78, "HASH_MISMATCH"],
	["a user put in", "UPDATE records SET user_id = 'mallory' WHERE seq = 2500", 2_500, "HASH_MISMATCH"],
	["another millisecond", "UPDATE records SET time = time + interval '1 ms' WHERE seq = 1", 1, "HASH_MISMATCH"],
	["a space in details", "UPDATE records SET details = details || ' ' WHERE seq = 5200", 5_200, "HASH_MISMATCH"],
	["a record taken out", "DELETE FROM records WHERE seq = 3000", 3_000, "GAP"],
	["the first record taken out", "DELETE FROM records WHERE seq = 1", 1, "GAP"],
	["the last record taken out", "DELETE FROM records WHERE seq = 5200", 5_200, "MISSING_TAIL"],
	["the last thousand taken out", "DELETE FROM records WHERE seq > 4200", 4_201, "MISSING_TAIL"],
	["all records taken out", "DELETE FROM records", 1, "MISSING_TAIL"],
	["a record moved to the end", "UPDATE records SET seq = 5201 WHERE seq = 50", 50, "GAP"],
	["two records swapped, far apart", swap(100, 4_900), 100, "SWAPPED"],
	["two neighbours swapped", swap(4_000, 4_001), 4_000, "SWAPPED"],
	["the first and the last swapped", swap(1, 5_200), 1, "SWAPPED"],
	["what two records say swapped", SWAP_CONTENT, 200, "SWAPPED"],
	["the head moved back", "UPDATE chain_head SET seq = seq - 1", 5_200, "HEAD_MISMATCH"],
	["another anchor", "UPDATE anchors SET hash = reverse(hash) WHERE seq = 2400", 2_400, "ANCHOR_MISMATCH"],
])("%s is found, and where", async (_what, damage, seq, reason) => {
	expect(await afterDamage(damage)).toMatchObject({ ok: false, records: seq - 1, first_bad: { seq, reason } });
});

test.each<[string, string, ChainFault]>([
	["a head with another hash", "UPDATE chain_head SET hash = reverse(hash)", "HEAD_MISMATCH"],
	["an anchor taken out", "DELETE FROM anchors WHERE seq = 2400", "ANCHOR_MISMATCH"],
])("%s is found though every record is good", async (_what, damage, reason) => {
	expect(await afterDamage(damage)).toMatchObject({ ok: false, records: LENGTH, first_bad: { seq: LENGTH, reason } });
});

/** What somebody does who knows the recipe: changes a record and makes all hashes anew from there on. */
async function rewriteFrom(tx: Tx, seq: number): Promise<Place> {
	const [before, ...later] = await selectLinks(tx, seq - 2, LENGTH, LENGTH);
	const links = chained(before as Place, [{ ...later[0], user_id: "mallory" } as (typeof later)[0], ...later.slice(1)]);
	await tx.query(
		`UPDATE records SET hash = n.hash, user_id = CASE records.seq WHEN $3 THEN 'mallory' ELSE user_id END
		FROM unnest($1::bigint[], $2::text[]) AS n (seq, hash) WHERE records.seq = n.seq`,
		[links.map((link) => link.seq), links.map((link) => link.hash), seq],
	);
	const head = links.at(-1) as Place;
	await tx.query("UPDATE chain_head SET hash = $1", [head.hash]);
	return head;
}

test("a chain made anew is found by its anchors", async () => {
	expect(await afterDamage((tx) => rewriteFrom(tx, 2_401))).toMatchObject({
		first_bad: { seq: 3_600, reason: "ANCHOR_MISMATCH" },
		anchors: 2,
	});
});

test("a chain made anew with its anchors is found by the history, which is in another database", async () => {
	const rewriteAll = async (tx: Tx) => {
		await rewriteFrom(tx, 10);
		await tx.query("UPDATE anchors a SET hash = r.hash FROM records r WHERE a.seq = r.seq");
	};
	expect(await afterDamage(rewriteAll)).toMatchObject({ first_bad: { seq: 1_200, reason: "WITNESS_MISMATCH" } });
	expect(await afterDamage(rewriteAll, [])).toMatchObject({ ok: true, witnessed: 0 });
});

test("a chain that was cut short without a trace is found by the history", async () => {
	const cut = `DELETE FROM records WHERE seq > 4000; DELETE FROM anchors WHERE seq > 4000;
		UPDATE chain_head SET seq = 4000, anchored_seq = 3600, anchors = 3,
			hash = (SELECT hash FROM records WHERE seq = 4000)`;
	expect(await afterDamage(cut)).toMatchObject({ first_bad: { seq: 4_001, reason: "MISSING_TAIL" } });
	expect(await afterDamage(cut, [])).toMatchObject({ ok: true, records: 4_000 });
});

test("a history that cannot be read is no fault of the chain", async () => {
	async function* broken(): AsyncGenerator<Place> {
		yield* anchors.slice(0, 1);
		throw new Error("away");
	}
	expect(await verifyChain(node.dbs.audit, { witness: broken() })).toMatchObject({ ok: true, witnessed: null });
});

const verify = (deadlineMs = 5_000) =>
	call(node.broker, "audit.verify", undefined, { meta: { ...auditor.meta, deadline: Date.now() + deadlineMs } });

test("an auditor is given the result, with what the history says, and has left a record himself", async () => {
	await until(
		async () => (await call(node.broker, "events.query", { type: "audit.anchored" }, auditor)).items.length === 4,
	);
	expect(await verify()).toMatchObject({ status: "finished", ok: true, anchors: 4, witnessed: 4, first_bad: null });
	const { items } = await call(node.broker, "audit.query", { action: "audit.verify" }, auditor);
	expect(items[0]).toMatchObject({
		user_id: auditor.id,
		object: "audit-chain",
		result: "ok",
		details: { records: LENGTH, first_bad: null },
	});
});

test("who cannot wait is told how far it has come, and gets the result of that verification later", async () => {
	const before = (await call(node.broker, "audit.query", { action: "audit.verify" }, auditor)).items.length;
	let running: Verification | undefined;
	await node.dbs.audit.transaction(async (tx) => {
		await tx.query("LOCK TABLE records IN ACCESS EXCLUSIVE MODE");
		running = await verify(1_200);
		expect(await verify(1_200)).toEqual(running);
	});
	expect(running).toEqual({ status: "running", started_at: expect.any(String), checked: 0, total: 0 });
	await until(async () => (await verify()).status === "finished");
	expect(await verify()).toMatchObject({ ok: true, started_at: running?.started_at });
	expect((await call(node.broker, "audit.query", { action: "audit.verify" }, auditor)).items).toHaveLength(before + 1);
});

test("records that wait for others to be anchored with are anchored after a minute", async () => {
	const [{ seq } = { seq: 0 }] = await node.dbs.audit.query<{ seq: number }>("SELECT seq::integer FROM chain_head");
	expect(seq).toBeGreaterThan(LENGTH);
	await node.dbs.audit.query("UPDATE chain_head SET unanchored_since = now() - interval '59 seconds'");
	await until(async () => {
		const { items } = await call(node.broker, "events.query", { type: "audit.anchored" }, auditor);
		return (items.at(-1)?.data as Place | undefined)?.seq === seq;
	});
	expect(await node.dbs.audit.query("SELECT FROM chain_head WHERE unanchored_since IS NULL")).toHaveLength(1);
});

test("events that come again and again, in any order and at once, leave one record each", async () => {
	const events = Array.from({ length: 300 }, (_, i) => eventOf({ correlation_id: "again", aggregate_seq: i + 1 }));
	const shuffled = () => events.toSorted(() => Math.random() - 0.5);
	await Promise.all(Array.from({ length: 8 }, () => record(node.dbs.audit, [...shuffled(), ...shuffled().slice(100)])));
	const rows = await node.dbs.audit.query<{ event_id: string }>(
		"SELECT event_id FROM records WHERE request_id = 'again'",
	);
	expect(rows.map((row) => row.event_id).toSorted()).toEqual(events.map((event) => event.event_id).toSorted());
	expect(await verifyChain(node.dbs.audit, { witness: telling([]) })).toMatchObject({ ok: true });
});
