import { setTimeout as delay } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { brokerOptions } from "../../moleculer.config.ts";

/** As many calls as the circuit breaker looks at before it judges. */
const ENOUGH = 20;

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

test("the circuit opens on timeouts, so that callers stop waiting", async () => {
	const outcomes = await Promise.allSettled(
		Array.from({ length: ENOUGH }, () => broker.call("probe.hang", {}, { timeout: 10 })),
	);
	expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.type)).toEqual(
		Array.from({ length: ENOUGH }, () => "REQUEST_TIMEOUT"),
	);
	await expect(broker.call("probe.hang")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE", code: 503 });
	await expect(broker.call("probe.echo", { word: "still here" })).resolves.toEqual({ word: "still here" });
});

test("an endpoint that only refuses stays in the balancer", async () => {
	for (let i = 0; i < 2 * ENOUGH; i++) await broker.call("probe.echo", { word: 1 }).catch(() => {});
	for (let i = 0; i < 2 * ENOUGH; i++) await broker.call("probe.crash").catch(() => {});
	await expect(broker.call("probe.echo", { word: "here" })).resolves.toEqual({ word: "here" });
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
