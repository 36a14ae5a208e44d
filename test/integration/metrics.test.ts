import { stage } from "../../lib/event-bus/outbox.ts";
import { LOCKS } from "../../lib/locks.ts";
import { withoutDatabase } from "../support/databases.ts";
import { freePort } from "../support/free-port.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const KEY = "users.max_users";

let node: TestNode;
let port: number;
beforeAll(async () => {
	port = await freePort();
	process.env["METRICS_PORT"] = String(port);
	node = await startServices(["config", "events"]);
});
afterAll(async () => {
	delete process.env["METRICS_PORT"];
	await node.stop();
});

const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

/** The value of a gauge with a label of that value. */
async function gauge(name: string, label: string): Promise<number> {
	const line = (await scrape()).split("\n").find((row) => row.startsWith(`${name}{`) && row.includes(`"${label}"`));
	return Number(line?.split(" ").at(-1) ?? Number.NaN);
}

test("Prometheus sees how far the event bus is behind, by service", async () => {
	await until(async () => (await gauge("consumer_waiting_events", "events")) === 0);
	await until(async () => (await gauge("outbox_unpublished_events", "config")) === 0);
	expect(await gauge("consumer_dead_letters", "events")).toBe(0);
	await node.dbs.events.query(
		`INSERT INTO deliveries (event_id, aggregate_id, aggregate_seq, envelope, state, attempts, next_try_at)
		VALUES (gen_random_uuid(), 'x', 1, '{}', 'dead', 5, now())`,
	);
	await until(async () => (await gauge("consumer_dead_letters", "events")) === 1);
});

test("an event that waits is seen with its age", async () => {
	// Whoever has the table keeps the relay from publishing.
	let release = () => {};
	const held = new Promise<void>((resolve) => (release = resolve));
	const locked = Promise.withResolvers<void>();
	const other = node.dbs.config.transaction(async (tx) => {
		// Longer than gauges take to be read again.
		await tx.query("SET LOCAL idle_in_transaction_session_timeout = 0");
		await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCKS.relay]);
		locked.resolve();
		await held;
	});
	await locked.promise;
	await node.dbs.config.transaction((tx) =>
		stage(tx, "config", [
			{
				type: "config.changed",
				aggregate_id: `setting:${KEY}`,
				aggregate_seq: 1,
				data: { key: KEY, value: 5, version: 1, by: "x" },
				correlation_id: "c",
				actor: null,
			},
		]),
	);
	await until(async () => (await gauge("outbox_oldest_age_ms", "config")) > 1_000, 20_000);
	expect(await gauge("outbox_unpublished_events", "config")).toBe(1);
	release();
	await other;
	await until(async () => (await gauge("outbox_unpublished_events", "config")) === 0, 20_000);
});

test("a database that is away is told, and what it would know is not", async () => {
	const { events } = node.dbs;
	const [{ name } = { name: "" }] = await events.query<{ name: string }>("SELECT current_database() AS name");
	await until(async () => (await gauge("database_up", "events")) === 1);
	await withoutDatabase(name, async () => {
		await until(async () => (await gauge("database_up", "events")) === 0, 30_000);
		for (const unknown of ["consumer_dead_letters", "outbox_unpublished_events", "outbox_oldest_age_ms"])
			await until(async () => Number.isNaN(await gauge(unknown, "events")), 30_000);
		expect(await gauge("consumer_waiting_events", "events")).toBe(0);
		expect(await gauge("outbox_oldest_age_ms", "config")).toBe(0);
		expect(await gauge("database_up", "config")).toBe(1);
	});
	await until(async () => (await gauge("database_up", "events")) === 1, 30_000);
	await until(async () => (await gauge("consumer_dead_letters", "events")) === 1, 30_000);
});
