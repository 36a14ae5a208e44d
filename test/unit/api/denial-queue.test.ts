import { Errors } from "moleculer";
import { v7 as newId } from "uuid";
import type { SecurityRecord } from "../../../contracts/audit.ts";
import { refuse } from "../../../lib/refuse.ts";
import { openDenialQueue } from "../../../services/api/denial-queue.ts";
import { until } from "../../support/until.ts";

const denial = (): SecurityRecord => ({
	event_id: newId(),
	time: new Date().toISOString(),
	user_id: null,
	action: "orders.get",
	object: "/",
	ip: null,
	result: "FORBIDDEN",
	request_id: "r",
	details: null,
});

/** An audit that answers as it is told. */
function open() {
	const sent: SecurityRecord[][] = [];
	const logged: string[] = [];
	const audit = { answer: (): Promise<unknown> => Promise.resolve() };
	const queue = openDenialQueue({
		async send(records) {
			await audit.answer();
			sent.push([...records]);
		},
		logger: {
			warn: (...args: unknown[]) => void logged.push(String(args[0])),
			error: (...args: unknown[]) => void logged.push(String(args[0])),
		},
	});
	return { queue, sent, logged, audit };
}

test("denials are sent in their order, together where they come together", async () => {
	const { queue, sent, audit } = open();
	const held = Promise.withResolvers<void>();
	audit.answer = () => held.promise;
	const denials = Array.from({ length: 450 }, denial);
	for (const record of denials) queue.add(record);
	expect(sent).toEqual([]);
	held.resolve();
	await queue.drain();
	expect(sent.flat()).toEqual(denials);
	expect(sent.length).toBeLessThanOrEqual(4);
	expect(Math.max(...sent.map((batch) => batch.length))).toBe(200);
});

test("while the audit is away denials wait, and nothing is lost", async () => {
	const { queue, sent, logged, audit } = open();
	audit.answer = () => Promise.reject(refuse("SERVICE_UNAVAILABLE"));
	const denials = [denial(), denial()];
	for (const record of denials) queue.add(record);
	await until(() => logged.length > 0);
	audit.answer = () => Promise.resolve();
	await until(() => sent.flat().length === 2);
	expect(sent.flat()).toEqual(denials);
	expect(logged).toEqual(["Denials wait to be recorded"]);
});

test("beyond 10,000 denials are dropped and counted, and told once", async () => {
	const { queue, sent, logged, audit } = open();
	const held = Promise.withResolvers<void>();
	audit.answer = () => held.promise;
	for (let i = 0; i < 10_005; i++) queue.add(denial());
	held.resolve();
	await queue.drain();
	expect(sent.flat()).toHaveLength(10_000);
	expect(logged).toEqual(["Denials are not recorded", "5 denials were not recorded in all"]);
});

test("denials that the audit will never take do not hold up others", async () => {
	const { queue, sent, logged, audit } = open();
	audit.answer = () => Promise.reject(new Errors.ValidationError("no", "VALIDATION_ERROR", []));
	queue.add(denial());
	await until(() => logged.length > 0);
	audit.answer = () => Promise.resolve();
	queue.add(denial());
	await queue.drain();
	expect(sent).toHaveLength(1);
});

test("a gateway that stops waits for the audit for no longer than its grace", async () => {
	const { queue, logged, audit } = open();
	audit.answer = () => Promise.reject(refuse("SERVICE_UNAVAILABLE"));
	queue.add(denial());
	const startedAt = performance.now();
	await queue.drain();
	expect(performance.now() - startedAt).toBeLessThan(5_000);
	expect(logged).toContain("1 denials were not recorded in all");
});
