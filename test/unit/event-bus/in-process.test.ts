import type { Envelope } from "../../../contracts/events.ts";
import { inProcessTransport } from "../../../lib/event-bus/in-process.ts";
import type { Subscription } from "../../../lib/event-bus/transport.ts";

const event = (type: string): Envelope => ({
	event_id: type,
	type,
	source: "orders",
	timestamp: "2026-01-02T03:04:05.678Z",
	data: {},
	aggregate_id: "a",
	aggregate_seq: 1,
	version: 1,
	correlation_id: "c",
	actor: null,
	causation_id: null,
});

function member(name: string, types: readonly string[], handle: (types: string[]) => Promise<void>): Subscription {
	return {
		name,
		types,
		handle: (events) => handle(events.map((received) => received.type)),
		exclusively: () => Promise.reject(new Error("a process on its own has nobody to exclude")),
	};
}

test("publishing resolves when every consumer has handled the events, and not before", async () => {
	const transport = inProcessTransport();
	const handled: string[] = [];
	let finish = () => {};
	const slow = new Promise<void>((resolve) => (finish = resolve));
	transport.consume(member("fast", ["*"], async (types) => void handled.push("fast", ...types)));
	transport.consume(
		member("slow", ["orders.created"], async (types) => {
			await slow;
			handled.push("slow", ...types);
		}),
	);
	let published = false;
	const publication = transport.publish([event("orders.created"), event("orders.executed")]).then((receipt) => {
		published = true;
		return receipt;
	});
	await new Promise((resolve) => setImmediate(resolve));
	expect(handled).toEqual(["fast", "orders.created", "orders.executed"]);
	expect(published).toBe(false);
	finish();
	expect(await publication).toBeNull();
	expect(handled.slice(3)).toEqual(["slow", "orders.created"]);
});

test("a consumer that fails makes publishing fail, and keeps the events from no other", async () => {
	const transport = inProcessTransport();
	const handled: string[] = [];
	transport.consume(member("failing", ["*"], () => Promise.reject(new Error("no database"))));
	transport.consume(member("sound", ["*"], async (types) => void handled.push(...types)));
	await expect(transport.publish([event("orders.created")])).rejects.toThrow("no database");
	expect(handled).toEqual(["orders.created"]);
});

test("for a consumer that is away its events wait, others do not; it stops only when it is done", async () => {
	const transport = inProcessTransport();
	const handled: string[] = [];
	const handle = async (types: string[]) => {
		await new Promise((resolve) => setImmediate(resolve));
		handled.push(...types);
	};
	const consumption = transport.consume(member("orders", ["orders.created"], handle));
	const publication = transport.publish([event("orders.created")]);
	await consumption.stop();
	expect(handled).toEqual(["orders.created"]);
	await publication;
	await expect(transport.publish([event("orders.created")])).rejects.toThrow("'orders' is away");
	await transport.publish([event("users.created")]);
	transport.consume(member("orders", ["orders.created"], handle));
	await transport.publish([event("orders.created")]);
	expect(handled).toEqual(["orders.created", "orders.created"]);
});

test("consumers take turns, and one's turn is with all that has come for it meanwhile", async () => {
	const transport = inProcessTransport();
	const begun: string[][] = [];
	const ends: (() => void)[] = [];
	const begin = (name: string) => (types: string[]) => {
		begun.push([name, ...types]);
		return new Promise<void>((resolve) => ends.push(resolve));
	};
	transport.consume(member("first", ["*"], begin("first")));
	transport.consume(member("second", ["*"], begin("second")));
	const publications = [event("orders.created"), event("trading.halted"), event("users.created")].map((one) =>
		transport.publish([one]),
	);
	await new Promise((resolve) => setImmediate(resolve));
	expect(begun).toEqual([["first", "orders.created", "trading.halted", "users.created"]]);
	ends.shift()?.();
	await new Promise((resolve) => setImmediate(resolve));
	expect(begun.slice(1)).toEqual([["second", "orders.created", "trading.halted", "users.created"]]);
	ends.shift()?.();
	await Promise.all(publications);
});

test("a consumer that does not come to an end is not waited for by the others", async () => {
	const transport = inProcessTransport();
	let end = () => {};
	let other = () => {};
	const handledByOther = new Promise<void>((resolve) => (other = resolve));
	transport.consume(member("stuck", ["*"], () => new Promise<void>((resolve) => (end = resolve))));
	transport.consume(member("other", ["*"], async () => other()));
	const publication = transport.publish([event("orders.created")]);
	await handledByOther;
	end();
	await publication;
});

test("a consumer that is far behind waits for no turn", async () => {
	const transport = inProcessTransport();
	const many = Array.from({ length: 500 }, () => event("orders.created"));
	let end = () => {};
	const handled: number[] = [];
	transport.consume(member("busy", ["users.created"], () => new Promise<void>((resolve) => (end = resolve))));
	transport.consume(member("behind", ["orders.created"], async ({ length }) => void handled.push(length)));
	const publications = [transport.publish([event("users.created")]), transport.publish(many)];
	await new Promise((resolve) => setImmediate(resolve));
	expect(handled).toEqual([500]);
	end();
	await Promise.all(publications);
});
