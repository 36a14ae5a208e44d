import { setTimeout as delay } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { v7 as newId } from "uuid";
import type { Tx } from "../../lib/db.ts";
import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { newWebhookSecret, sendWebhook } from "../../lib/webhook/index.ts";
import { type Deliver, deliverBy } from "../../services/notifications/deliver.ts";
import { claimDispatches, type SendingChannel } from "../../services/notifications/dispatch.store.ts";
import { type Dispatcher, startDispatcher } from "../../services/notifications/dispatcher.ts";
import { tell } from "../../services/notifications/notifications.events.ts";
import { insertWebhook } from "../../services/notifications/webhook.store.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { told } from "../support/told.ts";
import { until } from "../support/until.ts";
import { type Receiver, type Respond, startReceiver } from "../support/webhook-receiver.ts";

let database: TestDatabase;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(() => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
});
afterAll(() => {
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
});
beforeEach(async () => {
	database = await createDatabase("notifications");
});
afterEach(async () => {
	for (const clean of cleanups.splice(0).reverse()) await clean();
	await database.drop();
});

const noMail = deliverBy({ send: () => Promise.reject(new Error("no mail is to be sent")), close: () => {} });

/** What sends, as a node of the service has it; gives up after `tries`, of which each comes at once. */
function dispatcher({
	deliver = noMail,
	tries = 3,
	channel = "webhook",
}: {
	deliver?: Deliver;
	tries?: number;
	channel?: SendingChannel;
} = {}): Dispatcher {
	const host = {
		db: database.db,
		stage: (tx: Tx, events: readonly Staged[]) => stage(tx, "notifications", events),
		logger: { warn: () => {} },
	};
	const started = startDispatcher(host, channel, deliver, (failures) => (failures < tries ? 0 : null));
	cleanups.push(() => started.stop());
	return started;
}

interface Target extends Receiver {
	readonly webhookId: string;
	readonly secret: string;
}

async function target(userId: string, respond?: Respond): Promise<Target> {
	const receiver = await startReceiver(respond);
	cleanups.push(receiver.stop);
	const [webhookId, secret] = [newId(), newWebhookSecret()];
	const webhook = { webhook_id: webhookId, user_id: userId, url: receiver.url, kinds: null, secret };
	await database.db.transaction((tx) => insertWebhook(tx, webhook));
	return { ...receiver, webhookId, secret };
}

/** Has users told of as many orders that are filled, without anybody being woken. */
async function happen(userId: string, count: number): Promise<void> {
	const events = Array.from({ length: count }, () =>
		told("orders.executed", {
			order_id: newId(),
			user_id: userId,
			symbol: "BTC-USD",
			side: "buy",
			fills: [],
			filled_quantity: "1",
			remaining_quantity: "0",
			average_price: "60000",
		}),
	);
	await database.db.transaction((tx) => tell({ kept: () => {} }, tx, events));
}

const states = async (webhookId: string) =>
	database.db.query<{ state: string; attempts: number; last_error: string | null }>(
		"SELECT state, attempts, last_error FROM dispatches WHERE webhook_id = $1 ORDER BY dispatch_id",
		[webhookId],
	);
const inState = async (webhookId: string, state: string) =>
	(await states(webhookId)).filter((row) => row.state === state).length;

test("what failed comes again under the same id until it has arrived, and a receiver can verify it", async () => {
	const ann = newId();
	const { webhookId, received, secret } = await target(ann, (response) =>
		response.writeHead(received.length < 3 ? 500 : 204).end(),
	);
	await happen(ann, 1);
	dispatcher({ tries: 9 });
	await until(async () => (await inState(webhookId, "sent")) === 1);
	expect(await states(webhookId)).toEqual([{ state: "sent", attempts: 3, last_error: null }]);
	expect(received).toHaveLength(3);
	expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
	for (const { body, headers } of received) {
		expect(new Webhook(secret).verify(body, headers)).toEqual({
			notification_id: headers["webhook-id"],
			kind: "order_filled",
			title: "Order filled: bought 1 of BTC-USD",
			body: expect.any(String),
			data: expect.objectContaining({ filled_quantity: "1" }),
			created_at: expect.any(String),
		});
	}
});

test("a webhook where nothing arrives is disabled once one message is given up, with all that waits", async () => {
	const ann = newId();
	const dead = await target(ann, (response) => response.writeHead(503).end());
	await happen(ann, 20);
	dispatcher({ tries: 3 });
	await until(async () => (await inState(dead.webhookId, "failed")) === 20);
	const attempts = (await states(dead.webhookId)).map((row) => row.attempts);
	expect(Math.max(...attempts)).toBe(3);
	expect(await states(dead.webhookId)).toContainEqual(
		expect.objectContaining({ last_error: "The webhook is disabled", state: "failed" }),
	);
	expect(await database.db.query("SELECT type, aggregate_id, aggregate_seq::integer, data FROM outbox")).toEqual([
		{
			type: "notifications.webhook_disabled",
			aggregate_id: `webhook:${dead.webhookId}`,
			aggregate_seq: 2,
			data: { webhook_id: dead.webhookId, user_id: ann, url: dead.url, reason: "Answered with status 503" },
		},
	]);
	await happen(ann, 1);
	await delay(50);
	expect(await states(dead.webhookId)).toHaveLength(20);
});

test("a message that a receiver cannot take is given up alone", async () => {
	const ann = newId();
	let poison = "";
	const picky = await target(ann, (response, { headers }) => {
		poison ||= headers["webhook-id"] ?? "";
		response.writeHead(headers["webhook-id"] === poison ? 400 : 200).end();
	});
	await happen(ann, 5);
	const sending = dispatcher({ tries: 5 });
	await until(async () => (await inState(picky.webhookId, "pending")) === 0);
	expect(await inState(picky.webhookId, "sent")).toBe(4);
	expect(await database.db.query("SELECT FROM outbox")).toEqual([]);
	await happen(ann, 1);
	sending.kick();
	await until(async () => (await inState(picky.webhookId, "sent")) === 5);
});

test("a receiver that hangs holds up nobody else, and has no more than four messages", async () => {
	const [ann, bob] = [newId(), newId()];
	const hanging = await target(ann, () => {});
	const [same, other] = [await target(ann), await target(bob)];
	await happen(ann, 20);
	await happen(bob, 20);
	dispatcher();
	await until(async () => (await inState(same.webhookId, "sent")) === 20);
	await until(async () => (await inState(other.webhookId, "sent")) === 20);
	expect(hanging.received).toHaveLength(4);
	expect((await states(hanging.webhookId)).every(({ state, attempts }) => state === "pending" && attempts === 0)).toBe(
		true,
	);
});

test("webhooks that have failed share half of the places, one each, however many of them hang", async () => {
	const failing = Array.from({ length: 60 }, () => newId());
	const ids = Array.from({ length: failing.length }, () => newId());
	await database.db.query(
		`INSERT INTO webhooks (webhook_id, user_id, url, secret, last_error)
		SELECT webhook_id, user_id, '', '', 'No answer within 10 s'
		FROM unnest($1::uuid[], $2::uuid[]) AS w (webhook_id, user_id)`,
		[ids, failing],
	);
	for (const userId of failing) await happen(userId, 30);
	const bob = newId();
	const sound = await target(bob);
	const tried: string[] = [];
	const deliver: Deliver = (dispatch) => {
		if (dispatch.lane === sound.webhookId) return noMail(dispatch);
		tried.push(dispatch.lane);
		return new Promise(() => {});
	};
	const sending = dispatcher({ deliver });
	await until(() => tried.length === 50);
	await happen(bob, 20);
	sending.kick();
	await until(async () => (await inState(sound.webhookId, "sent")) === 20);
	expect(tried).toHaveLength(50);
	expect(new Set(tried).size).toBe(50);
});

test("a mail server that hangs holds up no webhook, and no user has more than two mails there", async () => {
	const users = Array.from({ length: 10 }, () => newId());
	await database.db.query("INSERT INTO recipients (user_id, email) SELECT unnest($1::uuid[]), 'a@example.com'", [
		users,
	]);
	const ann = await target(users[0] ?? "");
	const key = { key_id: newId(), name: "bot", scopes: ["read"], ip: "192.0.2.1" } as const;
	const events = users.flatMap((user_id) => [1, 2, 3].map(() => told("auth.key_created", { user_id, ...key })));
	await database.db.transaction((tx) => tell({ kept: () => {} }, tx, events));
	const mails: string[] = [];
	const hang: Deliver = ({ lane }) => {
		mails.push(lane);
		return new Promise(() => {});
	};
	dispatcher({ deliver: hang, channel: "email" });
	await until(() => mails.length === 8);
	dispatcher();
	await until(async () => (await inState(ann.webhookId, "sent")) === 3);
	expect(mails).toHaveLength(8);
	const perUser = [...Map.groupBy(mails, (lane) => lane).values()].map((own) => own.length);
	expect(Math.max(...perUser)).toBe(2);
});

test("more than a thousand due messages of one receiver hide those of another only for a moment", async () => {
	const [ann, bob] = [newId(), newId()];
	const hanging = await target(ann, () => {});
	const other = await target(bob);
	for (let i = 0; i < 3; i++) await happen(ann, 500);
	await happen(bob, 1);
	dispatcher();
	await until(async () => (await inState(other.webhookId, "sent")) === 1);
	expect(hanging.received.length).toBeLessThanOrEqual(4);
});

test("two nodes share the work and send everything once", async () => {
	const ann = newId();
	const receiver = await target(ann, (response) => setTimeout(() => response.writeHead(200).end(), 5));
	await happen(ann, 100);
	const by: Record<string, number> = { first: 0, second: 0 };
	const node = (name: string): Deliver => {
		return async ({ webhook, notification }) => {
			by[name] = (by[name] ?? 0) + 1;
			const body = JSON.stringify(notification);
			return sendWebhook(
				{ url: webhook?.url ?? "", secret: receiver.secret },
				{ id: notification.notification_id, body },
			);
		};
	};
	dispatcher({ deliver: node("first") });
	dispatcher({ deliver: node("second") });
	await until(async () => (await inState(receiver.webhookId, "sent")) === 100);
	expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(100);
	expect(receiver.received).toHaveLength(100);
	expect(Math.min(...Object.values(by))).toBeGreaterThan(0);
});

test("what a node had begun when it died is begun again by another, not before its time", async () => {
	const ann = newId();
	const { webhookId, received } = await target(ann);
	await happen(ann, 2);
	const claim = { channel: "webhook", limit: 10, perLane: 10, failing: null, except: [], leaseMs: 700 } as const;
	expect(await claimDispatches(database.db, claim)).toHaveLength(2);
	expect(await claimDispatches(database.db, claim)).toEqual([]);
	dispatcher();
	await delay(300);
	expect(received).toEqual([]);
	await until(async () => (await inState(webhookId, "sent")) === 2);
	expect(received).toHaveLength(2);
});

test("a claim takes what is due the longest, and of no lane more than it may", async () => {
	const [ann, bob] = [newId(), newId()];
	const [first, second] = [await target(ann), await target(bob)];
	await happen(ann, 5);
	await happen(bob, 5);
	const claim = { channel: "webhook", limit: 100, perLane: 2, failing: null, except: [], leaseMs: 60_000 } as const;
	const lanes = (await claimDispatches(database.db, claim)).map(({ lane }) => lane);
	expect(lanes).toEqual([first.webhookId, first.webhookId, second.webhookId, second.webhookId]);
	const others = await claimDispatches(database.db, { ...claim, limit: 1, except: [first.webhookId] });
	expect(others.map(({ lane }) => lane)).toEqual([second.webhookId]);
});

test("a node stops soon although a receiver hangs", async () => {
	const ann = newId();
	const hanging = await target(ann, () => {});
	await happen(ann, 1);
	const sending = dispatcher();
	await until(() => hanging.received.length === 1);
	const startedAt = performance.now();
	await sending.stop();
	expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("a webhook that its user has removed takes what waited for it along", async () => {
	const ann = newId();
	const gone = await target(ann);
	await happen(ann, 3);
	await database.db.query("DELETE FROM webhooks WHERE webhook_id = $1", [gone.webhookId]);
	dispatcher();
	await delay(100);
	expect(await states(gone.webhookId)).toEqual([]);
	expect(gone.received).toEqual([]);
});
