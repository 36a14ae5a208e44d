import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Webhook } from "standardwebhooks";
import type { Notification } from "../../contracts/notifications.ts";
import { call } from "../../lib/service.ts";
import { httpClient, join, logIn, type Member, type Reply, type Send } from "../support/http-client.ts";
import { operator } from "../support/operators.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";
import { type Receiver, type Respond, startReceiver } from "../support/webhook-receiver.ts";

let api: TestApi;
let send: Send;
let admin: { token: string };
beforeAll(async () => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
	api = await startApi();
	send = httpClient(api.baseUrl);
	admin = await operator(api);
});
afterAll(async () => {
	await api.stop();
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
});

const receivers: Receiver[] = [];
afterEach(async () => {
	await Promise.all(receivers.splice(0).map(({ stop }) => stop()));
});
async function receiver(respond?: Respond): Promise<Receiver> {
	const started = await startReceiver(respond);
	receivers.push(started);
	return started;
}

const items = ({ body }: Reply) => body["items"] as readonly Notification[];
const inbox = async (member: Pick<Member, "token">, query = "") =>
	items(await send(`GET /api/notifications${query}`, member));
/** The kinds in an inbox, oldest first, once there are `count`. */
async function kinds(member: Member, count: number): Promise<string[]> {
	await until(async () => (await inbox(member)).length >= count);
	return (await inbox(member)).map(({ kind }) => kind).toReversed();
}

let deposits = 0;
async function trader(username: string, money: Readonly<Record<string, string>>): Promise<Member> {
	const member = await join(send, username);
	for (const [asset, amount] of Object.entries(money)) {
		const reply = await send("POST /api/trading/deposits", {
			...admin,
			body: { user_id: member.user_id, asset, amount },
			headers: { "Idempotency-Key": `deposit-${++deposits}` },
		});
		expect(reply.status).toBe(201);
	}
	return member;
}
const place = (member: Member, side: string, quantity: string, price: string) =>
	send("POST /api/orders", { ...member, body: { symbol: "BTC-USD", side, quantity, price } });

test("a trader is told what becomes of orders, each thing once", async () => {
	const [ann, bob] = await Promise.all([trader("ann", { BTC: "2" }), trader("bob", { USD: "200000" })]);
	const sold = await place(ann, "sell", "1", "60000");
	await place(bob, "buy", "0.25", "60000");
	await place(bob, "buy", "0.75", "60000");
	expect(await kinds(ann, 2)).toEqual(["order_partly_filled", "order_filled"]);
	expect(await kinds(bob, 2)).toEqual(["order_filled", "order_filled"]);

	const [filled, partly] = await inbox(ann);
	const about = { order_id: sold.body["order_id"], symbol: "BTC-USD", side: "sell", average_price: "60000" };
	expect(partly).toEqual({
		notification_id: expect.any(String),
		kind: "order_partly_filled",
		title: "Order partly filled: sold 0.25 of BTC-USD",
		body: "Your order has sold 0.25 of BTC-USD at an average price of 60000, 0.75 remain.",
		data: { ...about, filled_quantity: "0.25", remaining_quantity: "0.75" },
		created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
		read_at: null,
	});
	expect(filled?.data).toEqual({ ...about, filled_quantity: "1", remaining_quantity: "0" });

	const resting = await place(ann, "sell", "1", "70000");
	await send(`DELETE /api/orders/${String(resting.body["order_id"])}`, ann);
	await place(ann, "sell", "5", "70000");
	expect(await kinds(ann, 4)).toEqual(["order_partly_filled", "order_filled", "order_canceled", "order_rejected"]);
	expect((await inbox(ann))[0]?.data).toMatchObject({ status: "rejected", reject_code: "INSUFFICIENT_FUNDS" });
});

test("the inbox is asked for by what is unread and by kind, and marked as read", async () => {
	const dora = await trader("dora", { BTC: "1" });
	await place(dora, "sell", "9", "60000");
	await kinds(dora, 1);
	const [{ notification_id } = { notification_id: "" }] = await inbox(dora, "?unread=true&kind=order_rejected&limit=5");
	expect(await inbox(dora, "?kind=order_filled")).toEqual([]);
	const read = await send(`POST /api/notifications/${notification_id}/read`, dora);
	expect(read).toMatchObject({ status: 200, body: { notification_id, read_at: expect.any(String) } });
	expect(await inbox(dora, "?unread=true")).toEqual([]);
	expect(await send("POST /api/notifications/read-all", dora)).toMatchObject({ status: 200, body: { read: 0 } });
});

test("preferences are got, and changed in part", async () => {
	const eve = await join(send, "eve");
	const { body: preferences } = await send("GET /api/notifications/preferences", eve);
	expect(preferences["order_filled"]).toEqual({ inbox: true, email: false, webhook: true });
	const changed = await send("PUT /api/notifications/preferences", { ...eve, body: { order_filled: { email: true } } });
	expect(changed.status).toBe(200);
	expect(changed.body).toEqual({ ...preferences, order_filled: { inbox: true, email: true, webhook: true } });
	expect((await send("GET /api/notifications/preferences", eve)).body).toEqual(changed.body);
});

test("a login from a place where the user has not been is told in the inbox and by mail", async () => {
	const { password, ...fay } = await join(send, "fay");
	const loginFrom = (ip: string) =>
		call(api.broker, "auth.login", { username: "fay", password }, { meta: { client: { ip, user_agent: "curl/8" } } });
	await logIn(send, "fay", password);
	await loginFrom("127.0.0.1");
	await loginFrom("192.0.2.7");
	expect(await kinds({ ...fay, password }, 1)).toEqual(["login_new_place"]);
	const folder = path.join(api.dataDir, "mail");
	const mails = async () => {
		const files = await readdir(folder).catch(() => []);
		return Promise.all(
			files.filter((name) => name.endsWith(".eml")).map((name) => readFile(path.join(folder, name), "utf8")),
		);
	};
	await until(async () => (await mails()).some((mail) => mail.includes("To: fay@example.com")));
	const mail = (await mails()).filter((text) => text.includes("To: fay@example.com"));
	expect(mail).toHaveLength(1);
	expect(mail[0]).toContain("Subject: New login from 192.0.2.7");
	expect(mail[0]).toContain("curl/8");
});

test("a webhook gets what its user wants there, signed, and shows how the sending stands", async () => {
	const [gil, thief] = [await trader("gil", { BTC: "1" }), await join(send, "thief")];
	const { url, received: arrived } = await receiver();
	const body = { url, kinds: ["order_rejected"] };
	const { status, body: webhook } = await send("POST /api/notifications/webhooks", { ...gil, body });
	expect(status).toBe(201);
	const { secret, ...shown } = webhook;
	expect(shown).toEqual({
		webhook_id: expect.any(String),
		url,
		kinds: ["order_rejected"],
		status: "active",
		last_error: null,
		created_at: expect.any(String),
	});
	expect((await send("GET /api/notifications/webhooks", gil)).body).toEqual({ items: [shown], next_cursor: null });

	await place(gil, "sell", "1", "90000");
	await place(gil, "sell", "9", "90000");
	await until(() => arrived.length > 0);
	const [received] = arrived;
	const [rejection] = await inbox(gil);
	const { read_at: _, ...sent } = rejection ?? { read_at: null };
	expect(new Webhook(String(secret)).verify(received?.body ?? "", received?.headers ?? {})).toEqual(sent);

	const attempts = `GET /api/notifications/webhooks/${String(shown["webhook_id"])}/attempts`;
	await until(async () => items(await send(attempts, gil)).some((one) => "state" in one && one.state === "sent"));
	expect((await send(attempts, gil)).body["items"]).toEqual([
		{
			notification_id: rejection?.notification_id,
			kind: "order_rejected",
			state: "sent",
			attempts: 1,
			last_error: null,
			next_try_at: null,
			created_at: expect.any(String),
			finished_at: expect.any(String),
		},
	]);

	const remove = `DELETE /api/notifications/webhooks/${String(shown["webhook_id"])}`;
	for (const route of [attempts, remove]) expect((await send(route, thief)).status).toBe(404);
	expect((await send("GET /api/notifications/webhooks", thief)).body["items"]).toEqual([]);
	const foreign = `POST /api/notifications/${String(rejection?.notification_id)}/read`;
	expect((await send(foreign, thief)).status).toBe(404);

	expect(await send(remove, gil)).toMatchObject({ status: 200, body: { removed: true } });
	expect((await send(remove, gil)).status).toBe(404);
	const told = await api.dbs.notifications.query(
		"SELECT type, aggregate_seq::integer, data FROM outbox WHERE aggregate_id = $1 ORDER BY position",
		[`webhook:${String(shown["webhook_id"])}`],
	);
	expect(told).toMatchObject([
		{ type: "notifications.webhook_added", aggregate_seq: 1, data: { user_id: gil.user_id, url } },
		{ type: "notifications.webhook_removed", aggregate_seq: 2 },
	]);
	expect(JSON.stringify(told)).not.toContain(String(secret));
});

test("a receiver that hangs holds up no order", async () => {
	const hal = await trader("hal", { BTC: "10" });
	const hanging = await receiver(() => {});
	for (let i = 0; i < 3; i++) await send("POST /api/notifications/webhooks", { ...hal, body: { url: hanging.url } });
	for (let i = 0; i < 10; i++) await place(hal, "sell", "99", "90000");
	await until(() => hanging.received.length >= 3);
	expect((await place(hal, "sell", "1", "90000")).status).toBe(201);
	expect(await kinds(hal, 10)).toEqual(Array.from({ length: 10 }, () => "order_rejected"));
	expect(hanging.received.length).toBeLessThanOrEqual(12);
});

test("a webhook where nothing has arrived for hours is disabled, and its owner is told", async () => {
	const ida = await trader("ida", {});
	const dead = await receiver((response) => response.writeHead(500).end());
	const { body: webhook } = await send("POST /api/notifications/webhooks", { ...ida, body: { url: dead.url } });
	await place(ida, "sell", "1", "90000");
	// As if eight tries had failed by now, once the first has.
	await until(async () => {
		const updated = await api.dbs.notifications.query(
			"UPDATE dispatches SET attempts = 8, next_try_at = now() WHERE webhook_id = $1 AND attempts = 1 RETURNING 1",
			[String(webhook["webhook_id"])],
		);
		return updated.length === 1;
	});
	expect(await kinds(ida, 2)).toEqual(["order_rejected", "webhook_disabled"]);
	expect((await inbox(ida))[0]).toMatchObject({
		title: "Your webhook is disabled",
		data: { webhook_id: webhook["webhook_id"], url: dead.url, reason: "Answered with status 500" },
	});
	const listed = await send("GET /api/notifications/webhooks", ida);
	expect(listed.body["items"]).toMatchObject([{ status: "disabled", last_error: "Answered with status 500" }]);
	await place(ida, "sell", "1", "90000");
	await kinds(ida, 3);
	expect(dead.received).toHaveLength(2);
});

test("ten webhooks are enough for a user, however many are added at once", async () => {
	const jon = await join(send, "jon");
	const body = { url: "http://127.0.0.1:9/hook" };
	const add = () => send("POST /api/notifications/webhooks", { ...jon, body });
	const replies = await Promise.all(Array.from({ length: 12 }, add));
	expect(replies.filter(({ status }) => status === 201)).toHaveLength(10);
	expect(replies.find(({ status }) => status !== 201)).toMatchObject({
		status: 409,
		body: { code: "MAX_WEBHOOKS", limit: 10 },
	});
});

test.each<[string, object, string, string]>([
	["a loopback address", { url: "https://127.0.0.2/" }, "/url", "PRIVATE_ADDRESS"],
	["the metadata of a cloud", { url: "https://169.254.169.254/latest" }, "/url", "PRIVATE_ADDRESS"],
	["a private address in disguise", { url: "https://0x0a000001/" }, "/url", "PRIVATE_ADDRESS"],
	["a private IPv6 address", { url: "https://[fd00::1]/" }, "/url", "PRIVATE_ADDRESS"],
	["no TLS", { url: "http://example.com/" }, "/url", "INSECURE_URL"],
	["a password", { url: "https://a:b@example.com/" }, "/url", "INVALID_URL"],
	["no URL", { url: "hello" }, "/url", "INVALID_URL"],
	["a host that is not there", { url: "https://nowhere.invalid/" }, "/url", "UNKNOWN_HOST"],
	["an unknown kind", { url: "http://127.0.0.1/", kinds: ["order_lost"] }, "/kinds/0", "NOT_ALLOWED"],
	["no kinds", { url: "http://127.0.0.1/", kinds: [] }, "/kinds", "TOO_SHORT"],
	["a secret of one's own", { url: "http://127.0.0.1/", secret: "whsec_x" }, "/secret", "UNKNOWN_FIELD"],
])("a webhook with %s is refused", async (_what, body, pointer, code) => {
	const kim = await logIn(send, "ann", "ann-long-enough");
	const reply = await send("POST /api/notifications/webhooks", { ...kim, body });
	expect(reply.status).toBe(422);
	expect(reply.body["errors"]).toMatchObject([{ pointer, code }]);
	expect((await send("GET /api/notifications/webhooks", kim)).body["items"]).toEqual([]);
});

test.each([
	["GET /api/notifications?unread=maybe", 422],
	["GET /api/notifications?kind=order_lost", 422],
	["GET /api/notifications?limit=0", 422],
	["GET /api/notifications?cursor=abc", 422],
	["GET /api/notifications?user_id=1", 422],
	["POST /api/notifications/not-an-id/read", 404],
	["POST /api/notifications/0198c1b2-0000-7000-8000-000000000001/read", 404],
	["DELETE /api/notifications/webhooks/0198c1b2-0000-7000-8000-000000000001", 404],
	["GET /api/notifications/webhooks/0198c1b2-0000-7000-8000-000000000001/attempts", 404],
	["GET /api/notifications/webhooks/%00/attempts", 404],
	["DELETE /api/notifications", 405],
])("%s is answered with %i", async (route, status) => {
	const ann = await logIn(send, "ann", "ann-long-enough");
	expect((await send(route, ann)).status).toBe(status);
	expect((await send(route)).status).toBe(status === 405 ? 405 : 401);
});
