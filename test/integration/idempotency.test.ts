import type { PlaceOrder } from "../../contracts/orders.ts";
import { sweepKeys } from "../../lib/idempotency.ts";
import { call } from "../../lib/service.ts";
import type { StatefulService } from "../../lib/topology.ts";
import { httpClient, join, logIn, type Member, type Reply, type Send } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

const AT_ONCE = 20;
const KEPT_PER_USER = 1_000;

let api: TestApi;
let send: Send;
let admin: { token: string };
beforeAll(async () => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
	api = await startApi();
	send = httpClient(api.baseUrl);
	const operator = { username: "operator", email: "operator@example.com", password: "operations" };
	await call(api.broker, "auth.provision", { ...operator, roles: ["admin"] });
	admin = await logIn(send, operator.username, operator.password);
});
afterAll(async () => {
	await api.stop();
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
});

type Caller = Pick<Member, "token">;
const post = (who: Caller, path: string, body: object, key?: string) =>
	send(`POST ${path}`, { ...who, body, ...(key !== undefined && { headers: { "Idempotency-Key": key } }) });
const replayed = ({ headers }: Reply) => headers.get("idempotency-replayed");
const refused = (status: number, code: string) => ({ status, body: { status, code } });
const REUSED = refused(422, "IDEMPOTENCY_KEY_REUSED");
const items = ({ body }: Reply) => body["items"] as readonly Readonly<Record<string, unknown>>[];
const ordersOf = async (who: Caller) => items(await send("GET /api/orders", who));

async function trader(username: string): Promise<Member> {
	const member = await join(send, username);
	for (const asset of ["USD", "BTC"]) {
		const deposit = { user_id: member.user_id, asset, amount: "100000" };
		expect((await post(admin, "/api/trading/deposits", deposit, `${username}-${asset}`)).status).toBe(201);
	}
	return member;
}

const buy = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "40000" };
const oco = {
	symbol: "BTC-USD",
	side: "sell",
	quantity: "0.5",
	order_class: "oco",
	legs: [{ price: "70000" }, { stop_price: "50000" }],
};
const bracket = { ...oco, side: "buy", price: "55000", order_class: "bracket" };

describe("an order", () => {
	test("is placed once per key, at whichever address, and another one under the key is refused", async () => {
		const ann = await trader("ann");
		const first = await post(ann, "/api/orders", buy, "k");
		const again = await post(ann, "/api/orders", { ...buy, price: "40000.00", order_type: "limit" }, "k");
		expect([first.status, replayed(first)]).toEqual([201, null]);
		expect([again.status, replayed(again), again.body]).toEqual([201, "true", first.body]);
		expect(first.body).not.toHaveProperty("idempotency_key");

		const executed = await post(ann, "/api/trading/orders", buy, "k");
		expect([executed.status, replayed(executed)]).toEqual([201, "true"]);
		expect(executed.body).toMatchObject({ order_id: first.body["order_id"], status: "open", fills: [] });
		for (const path of ["/api/orders", "/api/trading/orders"])
			for (const other of [{ price: "40001" }, { metadata: { a: 1 } }, { client_order_id: "c" }])
				expect(await post(ann, path, { ...buy, ...other }, "k")).toMatchObject(REUSED);
		expect(await ordersOf(ann)).toHaveLength(1);

		const bens = await post(await trader("ben"), "/api/orders", { ...buy, price: "41000" }, "k");
		expect([bens.status, replayed(bens)]).toEqual([201, null]);
		for (const price of ["39000", "39000"])
			expect(replayed(await post(ann, "/api/orders", { ...buy, price }))).toBe(null);
		expect(await ordersOf(ann)).toHaveLength(3);
	});

	test.each([
		["by itself", "/api/orders", buy, 1],
		["as an execution", "/api/trading/orders", buy, 1],
		["with a client_order_id", "/api/orders", { ...buy, client_order_id: "c" }, 1],
		["as an oco", "/api/orders", oco, 3],
		["as a bracket", "/api/orders", bracket, 3],
	])(`sent ${AT_ONCE} times at once %s is one order`, async (what, path, request, count) => {
		const who = await trader(`at-once-${what.replaceAll(" ", "-")}`);
		const replies = await Promise.all(Array.from({ length: AT_ONCE }, () => post(who, path, request, "k")));
		expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
		expect(new Set(replies.map(({ body }) => body["order_id"])).size).toBe(1);
		expect(replies.filter((reply) => replayed(reply) === "true")).toHaveLength(AT_ONCE - 1);
		expect(await ordersOf(who)).toHaveLength(count);
		const keys = await api.dbs.orders.query("SELECT 1 FROM orders WHERE idempotency_key = 'k' AND user_id = $1", [
			who.user_id,
		]);
		expect(keys).toHaveLength(1);
	});

	test("different orders that come at once under one key are one, and the others are refused", async () => {
		const who = await trader("various");
		const replies = await Promise.all(
			Array.from({ length: AT_ONCE }, (_, i) => post(who, "/api/orders", { ...buy, price: `${30_000 + i}` }, "k")),
		);
		const placed = replies.filter(({ status }) => status === 201);
		expect(placed).toHaveLength(1);
		for (const reply of replies.filter(({ status }) => status !== 201)) expect(reply).toMatchObject(REUSED);
		expect(await ordersOf(who)).toHaveLength(1);
	});

	test("with legs is given again with its legs, and with other legs refused", async () => {
		const who = await trader("legs");
		const first = await post(who, "/api/orders", oco, "k");
		const again = await post(who, "/api/orders", oco, "k");
		expect([replayed(again), again.body]).toEqual(["true", first.body]);
		expect(first.body["legs"]).toHaveLength(2);
		const legs = [{ price: "70000" }, { stop_price: "50001" }];
		expect(await post(who, "/api/orders", { ...oco, legs }, "k")).toMatchObject(REUSED);
	});

	test("that was rejected stays so under its key", async () => {
		const who = await trader("poor");
		const request = { ...buy, quantity: "3", price: "60000" };
		for (const path of ["/api/orders", "/api/trading/orders"]) {
			const [first, again] = [await post(who, path, request, path), await post(who, path, request, path)];
			expect(first).toMatchObject(refused(403, "INSUFFICIENT_FUNDS"));
			expect(again).toMatchObject(refused(403, "INSUFFICIENT_FUNDS"));
			expect([replayed(first), replayed(again)]).toEqual([null, "true"]);
			expect(again.body["order_id"]).toBe(first.body["order_id"]);
		}
		expect(await ordersOf(who)).toHaveLength(2);
	});

	test("whose time is over is still given under its key", async () => {
		const who = await trader("late");
		const expires_at = new Date(Date.now() + 4_000).toISOString();
		const request = { ...buy, time_in_force: "gtd", expires_at };
		const first = await post(who, "/api/orders", request, "k");
		expect(first.status).toBe(201);
		const order = `GET /api/orders/${first.body["order_id"]}`;
		await until(async () => (await send(order, who)).body["status"] === "expired", 25_000);
		expect(await post(who, "/api/orders", request, "other")).toMatchObject(refused(422, "VALIDATION_FAILED"));
		const again = await post(who, "/api/orders", request, "k");
		expect([again.status, replayed(again), again.body["order_id"]]).toEqual([201, "true", first.body["order_id"]]);
		expect(await post(who, "/api/orders", { ...request, quantity: "0.02" }, "k")).toMatchObject(REUSED);
	});

	test("has a client_order_id as a part of its request: the key is looked at first", async () => {
		const who = await trader("both");
		const named = { ...buy, client_order_id: "c" };
		const { body } = await post(who, "/api/orders", named, "k");
		for (const key of ["k", undefined, "new"]) {
			const again = await post(who, "/api/orders", named, key);
			expect([key, replayed(again), again.body]).toEqual([key, "true", body]);
		}
		expect(await post(who, "/api/orders", buy, "k")).toMatchObject(REUSED);
		expect(await post(who, "/api/orders", { ...named, client_order_id: "d" }, "k")).toMatchObject(REUSED);
		expect(await post(who, "/api/orders", { ...named, price: "1000" }, "k")).toMatchObject(REUSED);
		expect(await post(who, "/api/orders", { ...named, price: "1000" }, "new")).toMatchObject(
			refused(409, "CLIENT_ORDER_ID_REUSED"),
		);
		// What its client_order_id answered has not taken the key.
		expect((await post(who, "/api/orders", { ...buy, price: "1000" }, "new")).status).toBe(201);
		expect(await ordersOf(who)).toHaveLength(2);
	});

	test("that replaces another has no key", async () => {
		const who = await trader("replacer");
		const { body } = await post(who, "/api/orders", buy, "k");
		const next = await send(`PATCH /api/orders/${body["order_id"]}`, { ...who, body: { price: "39000" } });
		expect(next.status).toBe(200);
		const again = await post(who, "/api/orders", buy, "k");
		expect(again.body).toMatchObject({ order_id: body["order_id"], status: "replaced" });
	});
});

const apiKey = { name: "bot", scopes: ["read"] };
const webhook = { url: "http://127.0.0.1:9/hook" };
const subscription = { ...webhook, types: ["config.*"] };
const replay = { consumer: "data" };

/** What else would be done twice: where, with what, and what else might be asked there; where and how often it is. */
const MAKERS: readonly (readonly [path: string, request: object, other: object, db: StatefulService, table: string])[] =
	[
		["/api/auth/api-keys", apiKey, { ...apiKey, scopes: ["trade"] }, "auth", "api_keys"],
		["/api/notifications/webhooks", webhook, { ...webhook, kinds: ["order_filled"] }, "notifications", "webhooks"],
		["/api/events/subscriptions", subscription, { ...subscription, types: ["*"] }, "events", "subscriptions"],
		["/api/events/replay", replay, { ...replay, again: true }, "events", "replays"],
	];

const countIn = async (db: StatefulService, table: string) =>
	(await api.dbs[db].query<{ count: number }>(`SELECT count(*)::integer AS count FROM ${table}`))[0]?.count ?? 0;

describe.each(MAKERS)("POST %s", (path, request, other, db, table) => {
	test("does its work once per key, and tells a secret once", async () => {
		const before = await countIn(db, table);
		const first = await post(admin, path, request, `${path} once`);
		const again = await post(admin, path, request, `${path} once`);
		expect([first.status, replayed(first), first.body["replayed"]]).toEqual([
			path.endsWith("replay") ? 202 : 201,
			null,
			undefined,
		]);
		const { secret, ...shown } = first.body;
		const expected = secret === undefined ? shown : { ...shown, secret: null };
		expect([again.status, replayed(again), again.body]).toEqual([first.status, "true", expected]);
		expect(Object.keys(again.body)).toEqual(Object.keys(first.body));
		expect(await post(admin, path, other, `${path} once`)).toMatchObject(REUSED);
		expect(await countIn(db, table)).toBe(before + 1);
		const kept = JSON.stringify(await api.dbs[db].query("SELECT * FROM idempotency_keys"));
		expect(kept).toContain(`${path} once`);
		if (secret !== undefined) expect(kept).not.toContain(secret);
		else expect(path).toBe("/api/events/replay");
	});

	test(`does it once when it comes ${AT_ONCE} times at once`, async () => {
		const before = await countIn(db, table);
		const replies = await Promise.all(
			Array.from({ length: AT_ONCE }, () => post(admin, path, request, `${path} at once`)),
		);
		expect(new Set(replies.map(({ status }) => status)).size).toBe(1);
		expect(replies.filter((reply) => replayed(reply) === null)).toHaveLength(1);
		expect(await countIn(db, table)).toBe(before + 1);
	});

	test("keeps no key for what it refuses, and none for what has none", async () => {
		const keys = await countIn(db, "idempotency_keys");
		const wrong = { name: "x", scopes: ["read"], ip_allow: ["nowhere"], url: "http://10.0.0.1/", consumer: "events" };
		const asked = Object.fromEntries(Object.keys(request).map((name) => [name, wrong[name as keyof typeof wrong]]));
		const refusal = { ...request, ...asked, ...(path.endsWith("api-keys") && { ip_allow: wrong.ip_allow }) };
		expect(await post(admin, path, refusal, `${path} refused`)).toMatchObject({ status: 422 });
		expect(await countIn(db, "idempotency_keys")).toBe(keys);
		const served = await post(admin, path, request, `${path} refused`);
		expect([served.status < 300, replayed(served)]).toEqual([true, null]);
		const unkeyed = await post(admin, path, request);
		expect([unkeyed.status < 300, replayed(unkeyed)]).toEqual([true, null]);
		expect(await countIn(db, "idempotency_keys")).toBe(keys + 1);
	});

	test.each([
		["", "TOO_SHORT"],
		["x".repeat(65), "TOO_LONG"],
	])("refuses the key '%s'", async (key, code) => {
		const errors = [expect.objectContaining({ pointer: "/idempotency_key", code })];
		expect(await post(admin, path, request, key)).toMatchObject({
			...refused(422, "VALIDATION_FAILED"),
			body: { errors },
		});
		expect(await post(admin, path, { ...request, idempotency_key: "k" })).toMatchObject(refused(422, "UNKNOWN_FIELD"));
	});
});

test("a joined node gives the key of an order as a parameter, of the same form", async () => {
	const gus = await trader("gus");
	const { body } = await post(gus, "/api/orders", buy, "k");
	const { user_id, username } = gus;
	const meta = { user: { user_id, username, roles: ["trader"], session_id: user_id } } as const;
	const place = (idempotency_key: string) =>
		call(api.broker, "orders.place", { ...(buy as PlaceOrder), idempotency_key }, { meta });
	expect(await place("k")).toMatchObject({ replayed: true, order: { order_id: body["order_id"] } });
	for (const key of ["", "x".repeat(65), "NUL\0", "line\n"])
		await expect(place(key)).rejects.toMatchObject({ type: "VALIDATION_ERROR" });
	expect(await ordersOf(gus)).toHaveLength(1);
});

test.each(["/api/orders", "/api/trading/orders"])("POST %s refuses a key of a wrong form", async (path) => {
	for (const key of ["", "x".repeat(65)])
		expect(await post(admin, path, buy, key)).toMatchObject(refused(422, "VALIDATION_FAILED"));
	expect(await post(admin, path, { ...buy, idempotency_key: "k" })).toMatchObject(refused(422, "UNKNOWN_FIELD"));
});

test("a key is its user's alone, and one action's of a service", async () => {
	const [cyd, dot] = await Promise.all([join(send, "cyd"), join(send, "dot")]);
	for (const who of [cyd, dot]) {
		const made = await post(who, "/api/auth/api-keys", apiKey, "shared");
		expect([made.status, replayed(made)]).toEqual([201, null]);
	}
	expect((await post(admin, "/api/events/subscriptions", subscription, "shared")).status).toBe(201);
	expect(await post(admin, "/api/events/replay", replay, "shared")).toMatchObject(REUSED);
});

test("what is done once anyway takes the header and goes by the rest", async () => {
	const eve = await trader("eve");
	const headers = { "Idempotency-Key": "x".repeat(65) };
	for (const [route, body] of [
		["POST /api/orders/validate", buy],
		["POST /api/notifications/read-all", undefined],
		["POST /api/auth/login", { username: eve.username, password: eve.password }],
		["POST /api/auth/logout", undefined],
	] as const) {
		const reply = await send(route, { ...eve, body, headers });
		expect([route, reply.status, replayed(reply)]).toEqual([route, 200, null]);
	}
});

test("keys are forgotten after a day, and of one user all but the last thousand before", async () => {
	const { auth } = api.dbs;
	const fay = await join(send, "fay");
	const keysOf = async () =>
		(
			await auth.query<{ key: string }>("SELECT key FROM idempotency_keys WHERE user_id = $1 ORDER BY created_at", [
				fay.user_id,
			])
		).map(({ key }) => key);
	const keep = (from: number, to: number, age: string) =>
		auth.query(
			`INSERT INTO idempotency_keys (user_id, key, action, fingerprint, answer, created_at)
			SELECT $1, n, 'auth.createApiKey', 'f', '{}', now() - $2::interval + n * interval '1 ms'
			FROM generate_series($3::integer, $4) AS n`,
			[fay.user_id, age, from, to],
		);
	await keep(1, 3, "24 hours 1 minute");
	await keep(4, 5, "23 hours 59 minutes");
	expect(await sweepKeys(auth)).toBeGreaterThanOrEqual(3);
	expect(await keysOf()).toEqual(["4", "5"]);

	await keep(6, KEPT_PER_USER, "1 hour");
	expect((await post(fay, "/api/auth/api-keys", apiKey, "last")).status).toBe(201);
	const kept = await keysOf();
	expect([kept.length, kept[0], kept.at(-1)]).toEqual([KEPT_PER_USER - 2, "4", "last"]);
	await keep(KEPT_PER_USER + 1, KEPT_PER_USER + 10, "30 minutes");
	expect((await post(fay, "/api/auth/api-keys", apiKey, "really last")).status).toBe(201);
	const [oldest] = await keysOf();
	expect([(await keysOf()).length, oldest]).toEqual([KEPT_PER_USER, "13"]);
});
