import { v7 as newId } from "uuid";
import type { Envelope } from "../../contracts/events.ts";
import { newWebhookSecret } from "../../lib/webhook/index.ts";
import { type Dispatcher, openDispatcher } from "../../services/events/dispatcher.ts";
import type { EventBus } from "../../services/events/events.commands.ts";
import { insertSubscription } from "../../services/events/subscription.store.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";
import { type Receiver, type Respond, startReceiver } from "../support/webhook-receiver.ts";

/** Several pages of the history. */
const FAR_BEHIND = 1_250;
/** As many as one message has at most. */
const MESSAGE_EVENTS = 100;

let database: TestDatabase;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(() => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
});
afterAll(() => {
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
});
beforeEach(async () => {
	database = await createDatabase("events");
});
afterEach(async () => {
	for (const clean of cleanups.splice(0).reverse()) await clean();
	await database.drop();
});

/** What sends, as a node that leads has it. */
function dispatcher(): Dispatcher {
	const bus = { db: database.db, stage: () => {}, broker: { logger: { warn: () => {} } } };
	const opened = openDispatcher(bus as unknown as EventBus, () => 0);
	cleanups.push(opened.idle);
	return opened;
}

async function receiver(respond?: Respond): Promise<Receiver> {
	const started = await startReceiver(respond);
	cleanups.push(started.stop);
	return started;
}

/** Subscribes to all that will be recorded of `types`. */
async function subscribe({ url }: Receiver, types: readonly string[]): Promise<string> {
	const [subscriptionId, userId] = [newId(), newId()];
	const draft = {
		subscriptionId,
		userId,
		scope: "all",
		types,
		url,
		secret: newWebhookSecret(),
		position: "0",
	} as const;
	await database.db.transaction((tx) => insertSubscription(tx, draft));
	return subscriptionId;
}

let recorded = 0;
/** Records so many more events `external.tick`. */
async function happen(count: number): Promise<void> {
	await database.db.query(
		`INSERT INTO events (event_id, type, source, aggregate_id, aggregate_seq, version, data, correlation_id,
			occurred_at)
		SELECT gen_random_uuid(), 'external.tick', 'external', 'external:clock', n, 1, '{}', 'c', now()
		FROM generate_series($1::integer, $2) AS n ORDER BY n`,
		[recorded + 1, recorded + count],
	);
	recorded += count;
}
beforeEach(() => {
	recorded = 0;
});

async function positionOf(subscriptionId: string): Promise<number> {
	const [row] = await database.db.query<{ position: number }>(
		"SELECT position::integer FROM subscriptions WHERE subscription_id = $1",
		[subscriptionId],
	);
	return row?.position ?? Number.NaN;
}

const seqsIn = ({ received }: Receiver) =>
	received.flatMap(({ body }) => (JSON.parse(body) as { events: Envelope[] }).events.map((e) => e.aggregate_seq));
const idsIn = ({ received }: Receiver) => received.map(({ headers }) => headers["webhook-id"]);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const forever = () => new AbortController().signal;

test("one that is far behind catches up in one round, in order; so does one that wants nothing of it", async () => {
	const [endpoint, other] = [await receiver(), await receiver()];
	const [eager, idle] = [await subscribe(endpoint, ["external.tick"]), await subscribe(other, ["external.other"])];
	await happen(FAR_BEHIND);
	const sending = dispatcher();
	await sending.round(forever());
	await sending.idle();
	expect(seqsIn(endpoint)).toEqual(upTo(FAR_BEHIND));
	expect(other.received).toEqual([]);
	expect([await positionOf(eager), await positionOf(idle)]).toEqual([FAR_BEHIND, FAR_BEHIND]);
});

test("a node that takes over while a message is under way sends it again as it was, and goes on", async () => {
	let answer = () => {};
	const endpoint = await receiver((response) => {
		const [first] = endpoint.received;
		if (endpoint.received.length === 1) answer = () => void response.writeHead(204).end();
		else response.writeHead(first ? 204 : 500).end();
	});
	await subscribe(endpoint, ["*"]);
	await happen(3);
	const leading = new AbortController();
	const before = dispatcher();
	await before.round(leading.signal);
	await until(() => endpoint.received.length === 1);
	leading.abort();

	await happen(2);
	const after = dispatcher();
	await after.round(forever());
	await after.idle();
	answer();
	await before.idle();
	await after.round(forever());
	await after.idle();
	const [first, second] = endpoint.received;
	expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
	expect(second?.body).toBe(first?.body);
	expect(seqsIn(endpoint)).toEqual([1, 2, 3, 1, 2, 3, 4, 5]);
	expect(new Set(idsIn(endpoint)).size).toBe(2);
});

test("a node that leads no more begins no other message", async () => {
	let answer = () => {};
	const endpoint = await receiver((response) => (answer = () => void response.writeHead(204).end()));
	const id = await subscribe(endpoint, ["*"]);
	await happen(MESSAGE_EVENTS + 1);
	const leading = new AbortController();
	const sending = dispatcher();
	await sending.round(leading.signal);
	await until(() => endpoint.received.length === 1);
	leading.abort();
	answer();
	await sending.idle();
	expect(seqsIn(endpoint)).toEqual(upTo(MESSAGE_EVENTS));
	expect(await positionOf(id)).toBe(MESSAGE_EVENTS);
});

test("where places are short, whoever has had nothing for the longest time comes first", async () => {
	const endpoint = await receiver();
	const ids: string[] = [];
	for (let i = 0; i < 65; i++) ids.push(await subscribe(endpoint, ["*"]));
	// The later it was added, the longer it has waited.
	for (const [i, id] of ids.entries())
		await database.db.query(
			"UPDATE subscriptions SET next_try_at = now() - $2 * interval '1 s' WHERE subscription_id = $1",
			[id, i],
		);
	await happen(1);
	const sending = dispatcher();
	await sending.round(forever());
	await sending.idle();
	const served = new Set(
		endpoint.received.map(({ body }) => (JSON.parse(body) as { subscription_id: string }).subscription_id),
	);
	expect(ids.filter((id) => !served.has(id))).toEqual(ids.slice(0, 1));
});
