import { Webhook } from "standardwebhooks";
import { v7 as newId } from "uuid";
import type { Envelope, EventSubscription } from "../../contracts/events.ts";
import type { Meta } from "../../contracts/index.ts";
import { call } from "../../lib/service.ts";
import { openDispatcher } from "../../services/events/dispatcher.ts";
import type { EventBus } from "../../services/events/events.commands.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";
import { type Receiver, type Respond, startReceiver } from "../support/webhook-receiver.ts";

const KEY = "orders.max_open_orders";
/** As many as one message has at most. */
const MESSAGE_EVENTS = 100;
const admin = person("root", "admin");

let node: TestNode;
beforeAll(async () => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
	node = await startServices(["config", "events", "users"]);
});
afterAll(async () => {
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
	await node.stop();
});

const receivers: Receiver[] = [];
afterEach(async () => {
	await Promise.all(receivers.splice(0).map((started) => started.stop()));
	await node.dbs.events.query("DELETE FROM subscriptions");
});

async function receiver(respond?: Respond): Promise<Receiver> {
	const started = await startReceiver(respond);
	receivers.push(started);
	return started;
}

const subscribe = (who: { readonly meta: Meta }, url: string, types = ["*"], scope: "own" | "all" = "all") =>
	call(node.broker, "events.subscribe", { url, types, scope }, who);
const listed = async (who: { readonly meta: Meta }): Promise<readonly EventSubscription[]> =>
	(await call(node.broker, "events.subscriptions", undefined, who)).items;

let version = 0;
/** Tells one event by setting a setting; gives the number it then has among the setting's events. */
async function tellOne(): Promise<number> {
	const params = { key: KEY, value: 100 + version, expected_version: version };
	version = (await call(node.broker, "config.set", params, admin)).version;
	return version;
}

function eventsIn({ received }: Receiver): Omit<Envelope, "actor">[] {
	return received.flatMap(({ body }) => (JSON.parse(body) as { events: Envelope[] }).events);
}

async function head(): Promise<number> {
	const [row] = await node.dbs.events.query<{ head: number }>("SELECT max(position)::integer AS head FROM events");
	return row?.head ?? 0;
}

async function recordedSettings(): Promise<readonly Envelope[]> {
	const { items } = await call(node.broker, "events.query", { type: "config.changed", limit: 500 }, admin);
	return items;
}

/** Once everything told so far is in the history. */
async function allRecorded(): Promise<void> {
	await until(async () => (await recordedSettings()).length === version);
}

test("a subscriber added and removed while events flow gets exactly those between, in order, each once", async () => {
	const endpoint = await receiver();
	let flowing = true;
	const flow = (async () => {
		while (flowing) await tellOne();
	})();
	await until(() => version >= 10);
	const before = await head();
	const { subscription_id } = await subscribe(admin, endpoint.url, ["config.changed"]);
	const added = await head();
	await until(async () => (await head()) >= added + 40);
	const ending = await head();
	await call(node.broker, "events.unsubscribe", { subscription_id }, admin);
	const removed = await head();
	const last = version;
	await until(() => version >= last + 10);
	flowing = false;
	await flow;
	await allRecorded();
	await until(async () => (await listed(admin)).length === 0);

	const delivered = eventsIn(endpoint).map((event) => event.event_id);
	const history = await node.dbs.events.query<{ event_id: string; position: number }>(
		"SELECT event_id, position::integer FROM events WHERE type = 'config.changed' ORDER BY position",
	);
	const begin = history.findIndex(({ event_id }) => event_id === delivered[0]);
	const run = history.slice(begin, begin + delivered.length);
	expect(delivered.length).toBeGreaterThan(10);
	expect(delivered).toEqual(run.map(({ event_id }) => event_id));
	const [start = 0, end = 0] = [run[0]?.position, run.at(-1)?.position];
	expect(start).toBeGreaterThan(before);
	expect(end).toBeLessThanOrEqual(removed);
	const missed = history.filter(({ position }) => position > added && position <= ending && !(position >= start));
	expect(missed.concat(history.filter(({ position }) => position <= ending && position > end))).toEqual([]);
});

test("a message is signed, tells nobody's address, and carries the event as the history has it", async () => {
	const endpoint = await receiver();
	const { secret, subscription_id } = await subscribe(admin, endpoint.url, ["config.*"]);
	await tellOne();
	await until(() => endpoint.received.length > 0);
	const [message] = endpoint.received;
	const body = new Webhook(String(secret)).verify(message?.body ?? "", message?.headers ?? {}) as Record<
		string,
		unknown
	>;
	const { actor: _actor, ...recorded } = (await recordedSettings()).at(-1) as Envelope;
	expect(body).toEqual({ subscription_id, events: [recorded] });
	expect(message?.body).not.toContain("actor");
});

test("a trader gets events about himself alone; everybody's are for admins", async () => {
	const [ann, ben] = [person("ann"), person("ben")];
	const endpoint = await receiver();
	await subscribe(ann, endpoint.url, ["users.*"], "own");
	await expect(subscribe(ann, endpoint.url, ["*"], "all")).rejects.toMatchObject({ type: "FORBIDDEN" });
	for (const [{ id }, name] of [
		[ben, "ben"],
		[ann, "ann"],
	] as const) {
		const user = { user_id: id, username: name, email: `${name}@example.com` };
		await call(node.broker, "users.create", user);
	}
	await until(() => endpoint.received.length > 0);
	expect(eventsIn(endpoint).map((event) => event.aggregate_id)).toEqual([ann.id]);
});

test("what fails is sent again under the same id, and nothing behind it overtakes it", async () => {
	let failing = true;
	const endpoint = await receiver((response) => response.writeHead(failing ? 500 : 200).end());
	await subscribe(admin, endpoint.url, ["config.changed"]);
	const tryNow = () => node.dbs.events.query("UPDATE subscriptions SET next_try_at = now()");
	const first = await tellOne();
	await until(async () => (await listed(admin))[0]?.failures === 1);
	expect(await listed(admin)).toMatchObject([{ status: "active", last_error: "Answered with status 500" }]);
	await tryNow();
	await until(async () => (await listed(admin))[0]?.failures === 2);
	// What comes meanwhile changes nothing of a message that has been tried, nor does a restart.
	await tellOne();
	await allRecorded();
	await tryNow();
	await until(async () => (await listed(admin))[0]?.failures === 3);
	const tries = endpoint.received.map(({ headers, body }) => ({ id: headers["webhook-id"], body }));
	expect(tries).toHaveLength(3);
	expect(new Set(tries.map(({ id }) => id)).size).toBe(1);
	expect(new Set(tries.map(({ body }) => body)).size).toBe(1);

	failing = false;
	await tryNow();
	await until(() => endpoint.received.length === 5);
	expect(eventsIn(endpoint).map((event) => event.aggregate_seq)).toEqual([first, first, first, first, first + 1]);
	expect(endpoint.received[3]?.headers["webhook-id"]).toBe(tries[0]?.id);
	expect(endpoint.received[4]?.headers["webhook-id"]).not.toBe(tries[0]?.id);
	await until(async () => (await listed(admin))[0]?.failures === 0);
});

test("nothing more is sent once a second DELETE is answered but what was under way", async () => {
	let answer = () => {};
	const endpoint = await receiver((response) => (answer = () => void response.writeHead(204).end()));
	const { subscription_id } = await subscribe(admin, endpoint.url, ["config.changed"]);
	await node.dbs.events.query("UPDATE subscriptions SET next_try_at = 'infinity'");
	for (let i = 0; i <= MESSAGE_EVENTS; i++) await tellOne();
	await allRecorded();
	await node.dbs.events.query("UPDATE subscriptions SET next_try_at = now()");
	await until(() => endpoint.received.length === 1);
	for (let i = 0; i < 2; i++) await call(node.broker, "events.unsubscribe", { subscription_id }, admin);
	answer();
	// A later one of somebody else's has arrived, so the rest would have.
	const other = await receiver();
	await subscribe(admin, other.url, ["config.changed"]);
	await tellOne();
	await until(() => other.received.length > 0);
	await tellOne();
	await until(() => eventsIn(other).length === 2);
	expect(endpoint.received).toHaveLength(1);
});

test("a receiver that hangs keeps events from no other", async () => {
	const [hanging, quick] = [await receiver(() => {}), await receiver()];
	await subscribe(admin, hanging.url, ["config.changed"]);
	await subscribe(admin, quick.url, ["config.changed"]);
	await tellOne();
	await until(() => hanging.received.length > 0);
	await tellOne();
	await until(() => eventsIn(quick).length >= 2, 3_000);
});

test("a receiver that fails for too long is disabled, and that is told", async () => {
	const endpoint = await receiver((response) => response.writeHead(410).end());
	const { subscription_id, url } = await subscribe(admin, endpoint.url, ["config.changed"]);
	const bus = node.broker.getLocalService("events") as unknown as EventBus;
	await node.dbs.events.query("UPDATE subscriptions SET next_try_at = now() + interval '1 hour'");
	await tellOne();
	await allRecorded();
	await node.dbs.events.query("UPDATE subscriptions SET next_try_at = now() - interval '1 hour'");
	const impatient = openDispatcher(bus, () => null);
	await impatient.round(new AbortController().signal);
	await impatient.idle();
	expect(await listed(admin)).toMatchObject([{ status: "disabled", last_error: "Answered with status 410" }]);
	const params = { type: "events.subscription_disabled", aggregate_id: `subscription:${subscription_id}` };
	await until(async () => (await call(node.broker, "events.query", params, admin)).items.length === 1);
	const { items } = await call(node.broker, "events.query", params, admin);
	expect(items[0]).toMatchObject({
		aggregate_seq: 2,
		data: { subscription_id, url, user_id: admin.id, reason: "Answered with status 410" },
	});
});

test("what was accepted before counts: one message that fails after it is the first failure", async () => {
	let accepted = 0;
	const endpoint = await receiver((response) => response.writeHead(accepted++ === 0 ? 204 : 500).end());
	const { subscription_id } = await subscribe(admin, endpoint.url, ["config.changed"]);
	// Nearly given up, and not tried before more events wait than a message has.
	await node.dbs.events.query("UPDATE subscriptions SET failures = 8, next_try_at = 'infinity'");
	for (let i = 0; i <= MESSAGE_EVENTS; i++) await tellOne();
	await allRecorded();
	await node.dbs.events.query("UPDATE subscriptions SET next_try_at = now()");
	await until(() => endpoint.received.length === 2);
	await until(async () => (await listed(admin)).some(({ failures }) => failures === 1));
	expect(await listed(admin)).toMatchObject([{ subscription_id, status: "active", failures: 1 }]);
});

test("a suspended user gets nothing any more", async () => {
	const cara = person("cara");
	await call(node.broker, "users.create", { user_id: cara.id, username: "cara", email: "cara@example.com" });
	await subscribe(cara, (await receiver()).url, ["*"], "own");
	await call(node.broker, "users.suspend", { user_id: cara.id }, admin);
	await until(async () => (await listed(cara))[0]?.status === "disabled");

	// Resumed, he may subscribe anew, and that it was suspended may be told again.
	await call(node.broker, "users.resume", { user_id: cara.id }, admin);
	await subscribe(cara, (await receiver()).url, ["*"], "own");
	const told = await call(node.broker, "events.query", { aggregate_id: cara.id, limit: 100 }, admin);
	const events = told.items.filter(({ data }) => (data as { status?: string }).status === "suspended");
	expect(events).toHaveLength(1);
	await node.broker.call("events.inbox.take", { events, again: true });
	expect((await listed(cara)).map(({ status }) => status)).toContain("active");
});

test("only its owner can end a subscription; ended twice it is gone at once", async () => {
	const hanging = await receiver(() => {});
	const { subscription_id } = await subscribe(admin, hanging.url, ["config.changed"]);
	await tellOne();
	await until(() => hanging.received.length > 0);
	const end = (who: { readonly meta: Meta }) => call(node.broker, "events.unsubscribe", { subscription_id }, who);
	await expect(end(person("eve"))).rejects.toMatchObject({ type: "NOT_FOUND" });
	expect(await end(admin)).toMatchObject({ status: "ending" });
	expect(await listed(admin)).toHaveLength(1);
	await end(admin);
	expect(await listed(admin)).toEqual([]);
	await expect(end(admin)).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("a user may have ten subscriptions and no more", async () => {
	const dan = person("dan");
	for (let i = 0; i < 10; i++) await subscribe(dan, "http://127.0.0.1:9/", ["*"], "own");
	await expect(subscribe(dan, "http://127.0.0.1:9/", ["*"], "own")).rejects.toMatchObject({
		type: "MAX_SUBSCRIPTIONS",
		code: 409,
	});
});

test.each([
	["a private address", { url: "https://10.0.0.1/" }, "/url", "PRIVATE_ADDRESS"],
	["no TLS", { url: "http://8.8.8.8/" }, "/url", "INSECURE_URL"],
	["no URL", { url: "example" }, "/url", "INVALID_URL"],
])("%s is refused", async (_what, wrong, pointer, code) => {
	const params = Object.assign({ url: "", types: ["*"] }, wrong);
	await expect(call(node.broker, "events.subscribe", params, admin)).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
		data: { errors: [{ pointer, code }] },
	});
});

test.each([{ types: [] }, { types: ["Orders.x"] }, { types: ["*", "*"] }, { scope: "none" }, { secret: "mine" }])(
	"%j is refused",
	async (wrong) => {
		const params = { url: "http://127.0.0.1/", types: ["*"], ...wrong } as never;
		await expect(call(node.broker, "events.subscribe", params, admin)).rejects.toMatchObject({ code: 422 });
	},
);

test("what a joined program publishes is told once per id, numbered per aggregate", async () => {
	const event_id = newId();
	const signal = { event_id, type: "external.signal_raised", aggregate_id: "bot-1", data: { strength: 3 } } as const;
	expect(await call(node.broker, "events.publish", signal)).toEqual({ aggregate_seq: 1 });
	expect(await call(node.broker, "events.publish", signal)).toEqual({ aggregate_seq: 1 });
	expect(await call(node.broker, "events.publish", { ...signal, event_id: newId() })).toEqual({ aggregate_seq: 2 });
	await expect(call(node.broker, "events.publish", { ...signal, data: { strength: 4 } })).rejects.toMatchObject({
		type: "IDEMPOTENCY_KEY_REUSED",
	});
	await expect(call(node.broker, "events.publish", { ...signal, aggregate_id: "bot-2" })).rejects.toMatchObject({
		type: "IDEMPOTENCY_KEY_REUSED",
	});
	const params = { aggregate_id: "external:bot-1" };
	await until(async () => (await call(node.broker, "events.query", params, admin)).items.length === 2);
	const { items } = await call(node.broker, "events.query", params, admin);
	expect(items[0]).toMatchObject({ event_id, source: "external", type: "external.signal_raised", data: signal.data });
});

test.each([
	{ type: "orders.created" },
	{ type: "external." },
	{ aggregate_id: "" },
	{ data: "text" },
	{ event_id: "1" },
])("publishing %j is refused", async (wrong) => {
	const params = { event_id: newId(), type: "external.x", aggregate_id: "a", data: {}, ...wrong } as never;
	await expect(call(node.broker, "events.publish", params)).rejects.toMatchObject({ code: 422 });
});
