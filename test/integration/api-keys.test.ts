import { call } from "../../lib/service.ts";
import { ENDPOINTS } from "../../services/api/endpoints.ts";
import { noteUse, sweepKeys } from "../../services/auth/api-keys.store.ts";
import {
	httpClient,
	join,
	type KeyHeaders,
	logIn,
	type Member,
	makeKey,
	type Reply,
	type Send,
} from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let send: Send;
let ann: Member;
let admin: { token: string };
beforeAll(async () => {
	api = await startApi();
	send = httpClient(api.baseUrl);
	const operator = { username: "operator", email: "operator@example.com", password: "operations" };
	await call(api.broker, "auth.provision", { ...operator, roles: ["admin"] });
	admin = await logIn(send, operator.username, operator.password);
	ann = await join(send, "ann");
	const deposit = { user_id: ann.user_id, asset: "USD", amount: "100000" };
	await send("POST /api/trading/deposits", { ...admin, body: deposit, headers: { "Idempotency-Key": "k" } });
});
afterAll(() => api.stop());

const KEYS = "/api/auth/api-keys";
const buy = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "40000" };
const refused = (status: number, code: string) => ({ status, body: { status, code } });
const withoutId = ({ body: { request_id: _, ...body } }: Reply) => body;
const me = async (headers: KeyHeaders) => (await send("GET /api/users/me", { headers })).status;

test("a key is made with a secret that is shown once and kept as a hash", async () => {
	const owner = await join(send, "maker");
	const wanted = { name: "Maße ≤ 2 ₿", scopes: ["read", "trade"], ip_allow: ["127.0.0.1", "2001:db8::/32"] };
	const { status, body, headers } = await send(`POST ${KEYS}`, { ...owner, body: wanted });
	const { secret, ...key } = body;
	expect([status, headers.get("cache-control")]).toEqual([201, "no-store"]);
	expect(secret).toMatch(/^[\w-]{43}$/);
	expect(key).toEqual({ ...wanted, key_id: expect.any(String), created_at: expect.stringMatching(/^\d{4}-.*Z$/) });

	const second = await makeKey(send, owner, ["read"]);
	const list = await send(`GET ${KEYS}`, owner);
	expect(list.body).toEqual({
		items: [
			expect.objectContaining({ key_id: second["X-Api-Key"], ip_allow: null, last_used_at: null }),
			{ ...key, last_used_at: null },
		],
		next_cursor: null,
	});
	const rows = await api.dbs.auth.query("SELECT * FROM api_keys");
	const told = await api.dbs.auth.query("SELECT * FROM outbox");
	expect(JSON.stringify([rows, told])).not.toContain(secret);
});

test("an order is placed, seen and canceled with a key, in its owner's name", async () => {
	const headers = await makeKey(send, ann, ["read", "trade"]);
	const placed = await send("POST /api/orders", { headers, body: buy });
	expect(placed).toMatchObject({ status: 201, body: { status: "open", user_id: ann.user_id } });
	const path = `/api/orders/${placed.body["order_id"]}`;
	expect(await send(`GET ${path}`, { headers })).toMatchObject({ status: 200 });
	expect(await send(`DELETE ${path}`, { headers })).toMatchObject({ status: 200, body: { status: "canceled" } });
	const [told] = await api.dbs.orders.query("SELECT actor FROM outbox WHERE aggregate_id = $1", [
		String(placed.body["order_id"]),
	]);
	expect(told).toEqual({ actor: { user_id: ann.user_id, ip: "127.0.0.1" } });
});

test("a key that may trade and not read is answered with its executions", async () => {
	const headers = await makeKey(send, ann, ["trade"]);
	const maker = await join(send, "seller");
	const deposit = { user_id: maker.user_id, asset: "BTC", amount: "1" };
	await send("POST /api/trading/deposits", { ...admin, body: deposit, headers: { "Idempotency-Key": "m" } });
	await send("POST /api/orders", { ...maker, body: { ...buy, side: "sell" } });
	expect(await send("POST /api/trading/orders", { headers, body: buy })).toMatchObject({
		status: 201,
		body: { status: "filled", fills: [{ quantity: "0.01" }] },
	});
	expect(await send("GET /api/orders", { headers })).toMatchObject({
		status: 403,
		body: { code: "FORBIDDEN", detail: "The API key lacks the scope read" },
	});
});

test("on every route a key does what its scopes say and no more, also an admin's key", async () => {
	const access = new Map<string, unknown>(
		api.broker.registry.getActionList({}).map(({ name, action }) => [name, action?.auth]),
	);
	const keys = {
		read: await makeKey(send, admin, ["read"]),
		trade: await makeKey(send, admin, ["trade"]),
		both: await makeKey(send, admin, ["read", "trade"]),
	};
	const seen = { refused: 0, read: 0, trade: 0 };
	for (const { method, path, action, scope } of ENDPOINTS) {
		if (access.get(action) === "public") continue;
		expect([action, access.get(action)]).toEqual([
			action,
			expect.stringMatching(scope ? /^user$/ : /^(user|auditor|admin)$/),
		]);
		// What a user may look at a key may, too, but for what tells who somebody is.
		const forReading = method === "GET" && access.get(action) === "user" && !action.startsWith("auth.");
		expect([path, scope === "read"]).toEqual([path, forReading]);
		const ask = async (headers: KeyHeaders) => {
			const { status, body } = await send(`${method} ${path.replaceAll(/:\w+/g, "x")}`, { headers });
			return status === 403 ? body["detail"] : "let in";
		};
		seen[scope ?? "refused"] += 1;
		if (!scope) {
			for (const key of Object.values(keys))
				expect([path, await ask(key)]).toEqual([path, "No API key may do this: log in"]);
			continue;
		}
		const other = scope === "read" ? "trade" : "read";
		expect([path, await ask(keys[other])]).toEqual([path, `The API key lacks the scope ${scope}`]);
		expect([path, await ask(keys[scope]), await ask(keys.both)]).toEqual([path, "let in", "let in"]);
	}
	expect(Object.values(seen).every((count) => count > 5)).toBe(true);
});

test("an admin's key sees no more than any trader's", async () => {
	const headers = await makeKey(send, admin, ["read", "trade"]);
	expect(await send(`GET /api/users/${ann.user_id}`, admin)).toMatchObject({ status: 200 });
	expect(await send(`GET /api/users/${ann.user_id}`, { headers })).toMatchObject(refused(404, "NOT_FOUND"));
	expect((await send("GET /api/users/me", { headers })).body).toMatchObject({ username: "operator" });
	const placed = await send("POST /api/orders", { ...ann, body: buy });
	const path = `/api/orders/${placed.body["order_id"]}`;
	const body = { status: "canceled" };
	expect(await send(`PUT ${path}/status`, { headers, body })).toMatchObject(refused(404, "NOT_FOUND"));
	expect(await send(`DELETE ${path}`, ann)).toMatchObject({ status: 200 });
});

test("an unknown key and a wrong secret are alike", async () => {
	const good = await makeKey(send, ann, ["read"]);
	expect(await me(good)).toBe(200);
	const other = await makeKey(send, ann, ["read"]);
	const wrong = await send("GET /api/users/me", { headers: { ...good, "X-Api-Secret": other["X-Api-Secret"] } });
	const unknown = await send("GET /api/users/me", { headers: { ...good, "X-Api-Key": ann.user_id } });
	expect(wrong).toMatchObject(refused(401, "UNAUTHENTICATED"));
	expect(withoutId(unknown)).toEqual(withoutId(wrong));
});

test.each([
	["a key without its secret", ["X-Api-Key"], 401, "UNAUTHENTICATED"],
	["a secret without its key", ["X-Api-Secret"], 401, "UNAUTHENTICATED"],
	["a key and a token", ["X-Api-Key", "X-Api-Secret", "Authorization"], 400, "MALFORMED_REQUEST"],
	["half a key and a token", ["X-Api-Key", "Authorization"], 400, "MALFORMED_REQUEST"],
])("%s is refused", async (_what, names, status, code) => {
	const all = { ...(await makeKey(send, ann, ["read"])), Authorization: `Bearer ${ann.token}` };
	const headers = Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
	expect(await send("GET /api/users/me", { headers })).toMatchObject(refused(status, code));
});

test("what anybody may see is shown whatever key comes along", async () => {
	const headers = { "X-Api-Key": "x", "X-Api-Secret": "y" };
	expect(await send("GET /api/data/instruments", { headers })).toMatchObject({ status: 200 });
});

test("a deleted key is out within five seconds; another of the same user stays", async () => {
	const [doomed, kept] = [await makeKey(send, ann, ["read"]), await makeKey(send, ann, ["read"])];
	expect([await me(doomed), await me(kept)]).toEqual([200, 200]);
	const path = `${KEYS}/${doomed["X-Api-Key"]}`;
	const stranger = await join(send, "stranger");
	expect(await send(`DELETE ${path}`, stranger)).toMatchObject(refused(404, "NOT_FOUND"));
	expect(await me(doomed)).toBe(200);

	expect(await send(`DELETE ${path}`, ann)).toMatchObject({ status: 200, body: { revoked: true } });
	await until(async () => (await me(doomed)) === 401, 5_000);
	expect(await send("GET /api/users/me", { headers: doomed })).toMatchObject(refused(401, "UNAUTHENTICATED"));
	expect(await me(kept)).toBe(200);
	expect(await send(`DELETE ${path}`, ann)).toMatchObject(refused(404, "NOT_FOUND"));
	expect(await send(`DELETE ${KEYS}/not-an-id`, ann)).toMatchObject(refused(404, "NOT_FOUND"));
	expect(JSON.stringify((await send(`GET ${KEYS}`, ann)).body)).not.toContain(doomed["X-Api-Key"]);
});

test("a deleted key is out although no hint told of it", async () => {
	const doomed = await makeKey(send, ann, ["read"]);
	expect(await me(doomed)).toBe(200);
	await api.dbs.auth.query("UPDATE api_keys SET deleted = true, ended_at = clock_timestamp() WHERE key_id = $1", [
		doomed["X-Api-Key"],
	]);
	await until(async () => (await me(doomed)) === 401, 5_000);
});

test("the keys of a suspended user rest, and work again once the user is resumed", async () => {
	const owner = await join(send, "suspect");
	const [used, unused] = [await makeKey(send, owner, ["read"]), await makeKey(send, owner, ["read"])];
	for (let round = 0; round < 2; round++) {
		expect(await me(used)).toBe(200);
		await send(`POST /api/users/${owner.user_id}/suspend`, admin);
		await until(async () => (await me(used)) === 403, 5_000);
		expect(await send("GET /api/users/me", { headers: used })).toMatchObject(refused(403, "USER_SUSPENDED"));
		expect(await me(unused)).toBe(403);
		const guessed = { ...used, "X-Api-Secret": unused["X-Api-Secret"] };
		expect(await me(guessed)).toBe(401);
		await send(`POST /api/users/${owner.user_id}/resume`, admin);
		await until(async () => (await me(used)) === 200, 5_000);
	}
	expect(await me(unused)).toBe(200);
});

test("a key works from the addresses that it is for alone", async () => {
	const here = await makeKey(send, ann, ["read"], { ip_allow: ["192.0.2.1", "127.0.0.0/8"] });
	const elsewhere = await makeKey(send, ann, ["read"], { ip_allow: ["10.0.0.0/8", "::1"] });
	expect(await me(here)).toBe(200);
	for (const forged of [{}, { "X-Forwarded-For": "10.0.0.1" }, { "X-Real-Ip": "10.0.0.1" }]) {
		const reply = await send("GET /api/users/me", { headers: { ...elsewhere, ...forged } });
		expect(reply).toMatchObject(refused(403, "FORBIDDEN"));
	}
	const guessed = { ...elsewhere, "X-Api-Secret": here["X-Api-Secret"] };
	expect(await me(guessed)).toBe(401);
});

test.each<[string, object, string, string, string?]>([
	["no name", { name: undefined }, "/name", "REQUIRED"],
	["an empty name", { name: "" }, "/name", "TOO_SHORT"],
	["a name of spaces", { name: "   " }, "/name", "INVALID_FORMAT"],
	["a name of 65 letters", { name: "x".repeat(65) }, "/name", "TOO_LONG"],
	["a line break in the name", { name: "a\nb" }, "/name", "INVALID_FORMAT"],
	["an invisible letter in the name", { name: "a\u200bb" }, "/name", "INVALID_FORMAT"],
	["a name that turns the line around", { name: "\u202eeman" }, "/name", "INVALID_FORMAT"],
	["a number for a name", { name: 5 }, "/name", "INVALID_TYPE"],
	["no scopes", { scopes: undefined }, "/scopes", "REQUIRED"],
	["an empty list of scopes", { scopes: [] }, "/scopes", "TOO_SHORT"],
	["a text for scopes", { scopes: "read" }, "/scopes", "INVALID_TYPE"],
	["a scope that there is not", { scopes: ["read", "admin"] }, "/scopes/1", "NOT_ALLOWED"],
	["a scope in capitals", { scopes: ["READ"] }, "/scopes/0", "NOT_ALLOWED"],
	["a list for a scope", { scopes: [["read"]] }, "/scopes/0", "NOT_ALLOWED"],
	["a scope twice", { scopes: ["read", "read"] }, "/scopes", "DUPLICATE"],
	["an empty list of addresses", { ip_allow: [] }, "/ip_allow", "TOO_SHORT"],
	["a text for addresses", { ip_allow: "127.0.0.1" }, "/ip_allow", "INVALID_TYPE"],
	["a name for an address", { ip_allow: ["127.0.0.1", "localhost"] }, "/ip_allow/1", "INVALID_FORMAT"],
	["a prefix that is too long", { ip_allow: ["10.0.0.0/33"] }, "/ip_allow/0", "INVALID_FORMAT"],
	["an address of 51 letters", { ip_allow: ["1".repeat(51)] }, "/ip_allow/0", "TOO_LONG"],
	["null for an address", { ip_allow: [null] }, "/ip_allow", "REQUIRED"],
	["an address twice", { ip_allow: ["::1", "::1"] }, "/ip_allow", "DUPLICATE"],
	["21 addresses", { ip_allow: Array.from({ length: 21 }, (_, i) => `10.0.0.${i}`) }, "/ip_allow", "TOO_LONG"],
	["an unknown field", { expires_at: "2030-01-01" }, "/expires_at", "UNKNOWN_FIELD", "UNKNOWN_FIELD"],
	["a secret of the client's", { secret: "x" }, "/secret", "UNKNOWN_FIELD", "UNKNOWN_FIELD"],
	["somebody else's id", { user_id: "x" }, "/user_id", "UNKNOWN_FIELD", "UNKNOWN_FIELD"],
])("a key with %s is not made", async (_what, over, pointer, fieldCode, code = "VALIDATION_FAILED") => {
	const count = () => api.dbs.auth.query("SELECT FROM api_keys");
	const before = await count();
	const reply = await send(`POST ${KEYS}`, { ...ann, body: { name: "bot", scopes: ["read"], ...over } });
	expect(reply).toMatchObject({ status: 422, body: { code } });
	expect(reply.body["errors"]).toContainEqual(expect.objectContaining({ pointer, code: fieldCode }));
	expect(await count()).toEqual(before);
});

test("a user has at most twenty keys, however many are asked for at once", async () => {
	const owner = await join(send, "collector");
	const body = { name: "bot", scopes: ["read"], ip_allow: null };
	const replies = await Promise.all(Array.from({ length: 25 }, () => send(`POST ${KEYS}`, { ...owner, body })));
	expect(replies.filter(({ status }) => status === 201)).toHaveLength(20);
	const over = replies.filter(({ status }) => status !== 201);
	for (const reply of over) expect(reply).toMatchObject({ status: 409, body: { code: "MAX_API_KEYS", limit: 20 } });

	const made = replies.find(({ status }) => status === 201);
	await send(`DELETE ${KEYS}/${made?.body["key_id"]}`, owner);
	expect(await send(`POST ${KEYS}`, { ...owner, body })).toMatchObject({ status: 201 });
});

test("a key is told of when it is made and when it is deleted", async () => {
	const headers = await makeKey(send, ann, ["trade"], { name: "told" });
	const key_id = headers["X-Api-Key"];
	await send(`DELETE ${KEYS}/${key_id}`, { ...ann, headers: { "X-Request-Id": "deleting" } });
	const told = await api.dbs.auth.query(
		`SELECT type, aggregate_seq::int, data, actor, correlation_id FROM outbox
		WHERE aggregate_id = $1 ORDER BY position`,
		[`api-key:${key_id}`],
	);
	const { user_id } = ann;
	const actor = { user_id, ip: "127.0.0.1" };
	expect(told).toEqual([
		{
			type: "auth.key_created",
			aggregate_seq: 1,
			data: { user_id, key_id, name: "told", scopes: ["trade"], ip: "127.0.0.1" },
			actor,
			correlation_id: expect.any(String),
		},
		{ type: "auth.key_deleted", aggregate_seq: 2, data: { user_id, key_id }, actor, correlation_id: "deleting" },
	]);
});

test("the last use of a key is noted, at most once a minute", async () => {
	const headers = await makeKey(send, ann, ["read"]);
	const key_id = headers["X-Api-Key"];
	const lastUse = async () => {
		const items = (await send(`GET ${KEYS}`, ann)).body["items"] as { key_id: string; last_used_at: string | null }[];
		return items.find((item) => item.key_id === key_id)?.last_used_at;
	};
	const move = (interval: string) =>
		api.dbs.auth.query("UPDATE api_keys SET last_used_at = now() - $2::interval WHERE key_id = $1", [key_id, interval]);

	expect(await lastUse()).toBeNull();
	await me(headers);
	await until(async () => (await lastUse()) !== null);
	await move("50 seconds");
	const recently = await lastUse();
	await noteUse(api.dbs.auth, key_id);
	expect(await lastUse()).toBe(recently);
	await move("70 seconds");
	await noteUse(api.dbs.auth, key_id);
	expect(Math.abs(Date.now() - Date.parse((await lastUse()) ?? ""))).toBeLessThan(30_000);
});

test("deleted keys are forgotten a day later, and no others", async () => {
	const [fresh, old, live] = [
		await makeKey(send, ann, ["read"]),
		await makeKey(send, ann, ["read"]),
		await makeKey(send, ann, ["read"]),
	];
	for (const key of [fresh, old]) await send(`DELETE ${KEYS}/${key["X-Api-Key"]}`, ann);
	const age = "UPDATE api_keys SET ended_at = now() - interval '25 hours' WHERE key_id = ANY ($1::uuid[])";
	await api.dbs.auth.query(age, [[old["X-Api-Key"], live["X-Api-Key"]]]);
	await sweepKeys(api.dbs.auth);
	const left = await api.dbs.auth.query("SELECT key_id FROM api_keys");
	const has = (key: KeyHeaders) => left.some((row) => row["key_id"] === key["X-Api-Key"]);
	expect([has(fresh), has(old), has(live)]).toEqual([true, false, true]);
});

test("a key cannot end a session, also not inside the cluster", async () => {
	const user = { user_id: ann.user_id, username: "ann", roles: ["trader"], key_id: ann.user_id, scopes: ["trade"] };
	await expect(call(api.broker, "auth.logout", undefined, { meta: { user } })).rejects.toMatchObject({
		type: "FORBIDDEN",
	});
	expect(await send("GET /api/users/me", ann)).toMatchObject({ status: 200 });
	const sessions = await call(api.broker, "auth.sessions", undefined, { meta: { user } });
	expect(sessions.map(({ current }) => current)).toEqual(sessions.map(() => false));
});
