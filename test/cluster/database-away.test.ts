import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { databaseVariable } from "../../lib/topology.ts";
import { type NatsServer, startNatsServer } from "../contract/event-bus/nats-server.ts";
import { createDatabase, type TestDatabase, withoutDatabase } from "../support/databases.ts";
import { type Scrape, showMetrics } from "../support/metrics.ts";
import { until } from "../support/until.ts";
import { type Running, runCli } from "./processes.ts";

/** Processes start, gauges are read every 5 s, and the machine may be busy. */
const PATIENCE_MS = 60_000;
const EVENTS = 3;

let nats: NatsServer;
let config: TestDatabase;
let events: TestDatabase;
let metrics: Scrape & { undo(): void };
let node: Running | undefined;

beforeAll(async () => {
	nats = await startNatsServer();
	[config, events] = await Promise.all([createDatabase("config"), createDatabase("events")]);
	metrics = await showMetrics();
	node = runCli("service", {
		TRANSPORTER: nats.url,
		NAMESPACE: "database-away",
		SERVICES: "config,events",
		METRICS_PORT: process.env["METRICS_PORT"] ?? "",
		[databaseVariable("config")]: config.url,
		[databaseVariable("events")]: events.url,
	});
	await until(async () => (await value("database_up", { service: "events" })) === 1, PATIENCE_MS);
}, 2 * PATIENCE_MS);

afterAll(async () => {
	await node?.end("SIGKILL");
	metrics?.undo();
	await config?.drop();
	await events?.drop();
	await nats?.remove();
});

/** NaN also while the node does not listen yet. */
const value: Scrape["value"] = (name, labels) => metrics.value(name, labels).catch(() => Number.NaN);

test(
	"what waits for a consumer is seen to grow while its database is away, and to end when it is back",
	async () => {
		const waiting = () => value("consumer_waiting_events", { consumer: "events" });
		await until(async () => (await waiting()) === 0, PATIENCE_MS);
		await withoutDatabase(new URL(events.url).pathname.slice(1), async () => {
			await until(async () => (await value("database_up", { service: "events" })) === 0, PATIENCE_MS);
			await config.db.transaction(async (tx) => {
				for (let seq = 1; seq <= EVENTS; seq++) stage(tx, "config", [changed(seq)]);
			});
			await until(async () => (await waiting()) === EVENTS, PATIENCE_MS);
			expect(await value("consumer_dead_letters", { consumer: "events" })).toBeNaN();
			expect(await value("database_up", { service: "config" })).toBe(1);
		});
		await until(async () => (await waiting()) === 0, PATIENCE_MS);
		await until(async () => (await value("consumer_dead_letters", { consumer: "events" })) === 0, PATIENCE_MS);
		expect(await events.db.query("SELECT FROM events")).toHaveLength(EVENTS);
	},
	5 * PATIENCE_MS,
);

function changed(seq: number): Staged {
	return {
		type: "config.changed",
		aggregate_id: "setting:users.max_users",
		aggregate_seq: seq,
		data: { key: "users.max_users", value: seq, version: seq, by: "x" },
		correlation_id: "c",
		actor: null,
	};
}
