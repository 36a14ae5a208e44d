import { ServiceBroker } from "moleculer";
import { pollGauges } from "../../../lib/metrics/poll.ts";
import { openMetrics } from "../../../lib/metrics/registry.ts";
import { until } from "../../support/until.ts";

const NAMES = { unpublished: "outbox_unpublished_events", oldest_age_ms: "outbox_oldest_age_ms" } as const;
const EVERY_MS = 20;

const broker = new ServiceBroker({ logger: false });
const metrics = openMetrics(broker);
const stops: (() => void)[] = [];
afterEach(() => {
	for (const stop of stops.splice(0)) stop();
});

type Values = { readonly unpublished: number; readonly oldest_age_ms: number };

const poll = (service: string, read: () => Promise<Values>) =>
	void stops.push(pollGauges(broker, { service }, NAMES, read, EVERY_MS));

/** What the two gauges of `service` show, from the first on. */
async function shown(service: string): Promise<number[]> {
	const lines = (await metrics.scrape()).split("\n").filter((line) => line.includes(`service="${service}"`));
	return lines.map((line) => Number(line.split(" ").at(-1)));
}

test.each([
	["cannot be read", () => Promise.reject(new Error("away"))],
	["is not read in time", () => new Promise<never>(() => {})],
])("a gauge that %s is shown no more, and others are", async (_case, fail) => {
	let read = (): Promise<Values> => Promise.resolve({ unpublished: 3, oldest_age_ms: 40 });
	poll("orders", () => read());
	poll("risk", () => Promise.resolve({ unpublished: 5, oldest_age_ms: 60 }));
	await until(async () => (await shown("orders")).join() === "3,40");
	read = fail;
	await until(async () => (await shown("orders")).length === 0);
	expect(await shown("risk")).toEqual([5, 60]);
});

test("what is read late is shown then, and not asked for twice", async () => {
	const late = Promise.withResolvers<Values>();
	let asked = 0;
	poll("users", () => {
		asked += 1;
		return late.promise;
	});
	let rounds = 0;
	poll("risk", () => Promise.resolve({ unpublished: ++rounds, oldest_age_ms: 0 }));
	await until(() => rounds > 5);
	expect(await shown("users")).toEqual([]);
	expect(asked).toBe(1);
	late.resolve({ unpublished: 1, oldest_age_ms: 2 });
	await until(async () => (await shown("users")).join() === "1,2");
});
