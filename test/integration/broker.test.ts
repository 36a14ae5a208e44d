import { setTimeout as delay } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { brokerOptions } from "../../moleculer.config.ts";

/** Twice as many calls as the circuit breaker looks at before it judges. */
const ENOUGH = 40;

let broker: ServiceBroker;

beforeEach(async () => {
	broker = new ServiceBroker({ ...brokerOptions(), logger: false });
	broker.createService({
		name: "probe",
		actions: {
			hang: { auth: "internal", handler: () => delay(200) },
			crash: {
				auth: "internal",
				handler() {
					throw new Error("SELECT secret FROM /etc/passwd");
				},
			},
			echo: { auth: "internal", params: { $$strict: true, word: "string" }, handler: (ctx) => ctx.params },
		},
	});
	await broker.start();
});

afterEach(() => broker.stop());

test("a node goes on to do itself what only refuses, fails or takes too long", async () => {
	const calls = Array.from({ length: ENOUGH });
	for (const _ of calls) await broker.call("probe.echo", { word: 1 }).catch(() => {});
	for (const _ of calls) await broker.call("probe.crash").catch(() => {});
	const hung = await Promise.allSettled(calls.map(() => broker.call("probe.hang", {}, { timeout: 20 })));
	expect(hung.every(({ status }) => status === "rejected")).toBe(true);
	await expect(broker.call("probe.echo", { word: "here" })).resolves.toEqual({ word: "here" });
	await expect(broker.call("probe.hang")).resolves.toBeUndefined();
	await expect(broker.call("probe.crash")).rejects.toMatchObject({ type: "INTERNAL_ERROR" });
});

test("what went wrong inside stays inside", async () => {
	const error = await broker.call("probe.crash").catch((reason: unknown) => reason);
	expect(error).toMatchObject({ type: "INTERNAL_ERROR", code: 500 });
	expect(JSON.stringify(error) + String(error)).not.toMatch(/SELECT|passwd/);
});

test("what nobody serves is unavailable, not unknown", async () => {
	await expect(broker.call("nobody.home")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE", code: 503 });
});
