import { type CryptoKey, importJWK, type JWK, SignJWT } from "jose";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { auditDesk } from "../support/audit.ts";
import { type Caller, callersOf, items } from "../support/callers.ts";
import { join, logIn, type Member, type Reply } from "../support/http-client.ts";
import { operator } from "../support/operators.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let ann: Member;
let bob: Member;
let admin: Caller;
let auditor: Caller;
beforeAll(async () => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
	api = await startApi();
	[ann, bob] = await Promise.all([join(send, "ann"), join(send, "bob")]);
	[admin, auditor] = await Promise.all([operator(api, "admin"), operator(api, "auditor")]);
});
afterAll(async () => {
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
	await api.stop();
});

const { send, deposit } = callersOf(() => api);
const { asked, find, theRecord } = auditDesk(send, () => auditor);

/** An order of bob's that rests. */
async function bobsOrder(): Promise<string> {
	await deposit(admin, bob, "USD", "100");
	const order = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "100" };
	const { status, body } = await send("POST /api/orders", { ...bob, body: order });
	expect(status).toBe(201);
	return String(body["order_id"]);
}

async function expiredToken(user_id: string): Promise<string> {
	const [row] = await api.dbs.auth.query<{ kid: string; private_jwk: JWK }>(
		"SELECT kid, private_jwk FROM signing_keys",
	);
	const key = (await importJWK(row?.private_jwk as JWK, ACCESS_TOKEN.algorithm)) as CryptoKey;
	return new SignJWT({ sid: "s", username: "ann", roles: ["trader"] })
		.setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, kid: row?.kid ?? "", typ: ACCESS_TOKEN.type })
		.setIssuer(ACCESS_TOKEN.issuer)
		.setAudience(ACCESS_TOKEN.audience)
		.setSubject(user_id)
		.setIssuedAt(new Date(Date.now() - 20 * 60_000))
		.setExpirationTime(new Date(Date.now() - 5 * 60_000))
		.sign(key);
}

describe("what is refused is recorded: who, from where, why, and by which request", () => {
	test("something that the caller's role does not allow", async () => {
		const { status, id } = await asked("GET /api/users", ann);
		expect(status).toBe(403);
		expect(await theRecord({ request_id: id })).toMatchObject({
			user_id: ann.user_id,
			action: "users.list",
			object: "/api/users",
			ip: "127.0.0.1",
			result: "FORBIDDEN",
			data_hash: null,
			details: { method: "GET", path: "/api/users", user_agent: "node" },
		});
	});

	test("an order that is somebody else's, whatever was asked of it", async () => {
		const orderId = await bobsOrder();
		const routes = [
			["orders.get", `GET /api/orders/${orderId}`],
			["orders.get", `GET /api/trading/orders/${orderId}`],
			["orders.cancel", `DELETE /api/orders/${orderId}`],
			["orders.setStatus", `PUT /api/orders/${orderId}/status`],
		] as const;
		for (const [action, route] of routes) {
			const body = route.startsWith("PUT") ? { status: "canceled" } : undefined;
			const { status, id, body: problem } = await asked(route, { ...ann, body });
			expect([status, problem["code"]]).toEqual([404, "NOT_FOUND"]);
			expect(await theRecord({ request_id: id })).toMatchObject({
				user_id: ann.user_id,
				action,
				object: orderId,
				ip: "127.0.0.1",
				result: "NOT_FOUND",
			});
		}
		const told = (await find({ object: orderId })).map((record) => record.action);
		expect(told).toEqual(expect.arrayContaining(["orders.created", "orders.cancel"]));
	});

	test("a user and a session that are somebody else's", async () => {
		const get = await asked(`GET /api/users/${bob.user_id}`, ann);
		const put = await asked(`PUT /api/users/${bob.user_id}`, { ...ann, body: { email: "x@example.com" } });
		const [session] = items<{ session_id: string }>(await send("GET /api/auth/sessions", bob));
		const end = await asked(`DELETE /api/auth/sessions/${session?.session_id}`, ann);
		expect([get.status, put.status, end.status]).toEqual([404, 404, 404]);
		const refused = { user_id: ann.user_id, result: "NOT_FOUND" };
		expect(await theRecord({ request_id: get.id })).toMatchObject({ ...refused, object: bob.user_id });
		expect(await theRecord({ request_id: put.id })).toMatchObject({ ...refused, action: "users.update" });
		expect(await theRecord({ request_id: end.id })).toMatchObject({
			...refused,
			action: "auth.revokeSession",
			object: `session:${session?.session_id}`,
		});
	});

	test("an API key, a subscription, a webhook and a notification that are somebody else's", async () => {
		const make = async (route: string, body: object) => (await send(route, { ...bob, body })).body;
		const key = await make("POST /api/auth/api-keys", { name: "bot", scopes: ["read"] });
		const hook = { url: "http://127.0.0.1:9/" };
		const subscription = await make("POST /api/events/subscriptions", { ...hook, types: ["orders.*"] });
		const webhook = await make("POST /api/notifications/webhooks", hook);
		await send(`DELETE /api/orders/${await bobsOrder()}`, bob);
		await until(async () => items(await send("GET /api/notifications", bob)).length > 0);
		const [notice] = items<{ notification_id: string }>(await send("GET /api/notifications", bob));
		for (const [route, object] of [
			[`DELETE /api/auth/api-keys/${String(key["key_id"])}`, `api-key:${String(key["key_id"])}`],
			[
				`DELETE /api/events/subscriptions/${String(subscription["subscription_id"])}`,
				`subscription:${String(subscription["subscription_id"])}`,
			],
			[
				`DELETE /api/notifications/webhooks/${String(webhook["webhook_id"])}`,
				`webhook:${String(webhook["webhook_id"])}`,
			],
			[
				`GET /api/notifications/webhooks/${String(webhook["webhook_id"])}/attempts`,
				`webhook:${String(webhook["webhook_id"])}`,
			],
			[`POST /api/notifications/${notice?.notification_id}/read`, `notification:${notice?.notification_id}`],
		] as const) {
			const { status, id } = await asked(route, ann);
			expect(status).toBe(404);
			expect(await theRecord({ request_id: id })).toMatchObject({ user_id: ann.user_id, result: "NOT_FOUND", object });
		}
	});

	test("the client cannot tell somebody else's from what there is not", async () => {
		const nobody = "01890000-0000-7000-8000-000000000000";
		const orderId = await bobsOrder();
		const [session] = items<{ session_id: string }>(await send("GET /api/auth/sessions", bob));
		for (const [route, foreign] of [
			["GET /api/orders/:id", orderId],
			["DELETE /api/orders/:id", orderId],
			["GET /api/users/:id", bob.user_id],
			["DELETE /api/auth/sessions/:id", session?.session_id ?? ""],
		] as const) {
			const [theirs, none] = await Promise.all(
				[foreign, nobody].map((id) => send(route.replace(":id", id), { ...ann, headers: { "X-Request-Id": "same" } })),
			);
			const told = (reply: Reply | undefined) => ({ ...reply?.body, instance: null });
			expect(told(theirs)).toEqual(told(none));
			expect(JSON.stringify(theirs?.body)).not.toContain("foreign");
			const headers = (reply: Reply | undefined) => [...(reply?.headers.keys() ?? [])];
			expect(headers(theirs)).toEqual(headers(none));
		}
	});

	test.each([
		["unknown", "nobody-of-that-name", "wrong-password", null],
		["ann", "ann", "wrong-password", "ann"],
	])("a login of %s that fails", async (_who, username, password, known) => {
		const { status, id, body } = await asked("POST /api/auth/login", { body: { username, password } });
		expect([status, body["code"]]).toEqual([401, "INVALID_CREDENTIALS"]);
		expect(await theRecord({ request_id: id })).toMatchObject({
			user_id: known && ann.user_id,
			action: "auth.login_failed",
			object: expect.stringMatching(/^login-attempt:/),
			ip: "127.0.0.1",
			result: "INVALID_CREDENTIALS",
			details: { username, user_agent: "node", reason: "INVALID_CREDENTIALS" },
		});
	});

	test("a login of a user who is suspended", async () => {
		const carol = await join(send, "carol");
		await send(`POST /api/users/${carol.user_id}/suspend`, admin);
		const { username, password } = carol;
		const { status, id } = await asked("POST /api/auth/login", { body: { username, password } });
		expect(status).toBe(403);
		expect(await theRecord({ request_id: id })).toMatchObject({ user_id: carol.user_id, result: "USER_SUSPENDED" });
	});

	test("a name of any length and kind that somebody tries", async () => {
		const username = `${"x".repeat(63)}\ud83d\ude00${"y".repeat(100)}`;
		const { status, id } = await asked("POST /api/auth/login", { body: { username, password: "p" } });
		expect(status).toBe(401);
		const { details } = await theRecord({ request_id: id });
		expect(details).toMatchObject({ username: `${"x".repeat(63)}\ufffd` });
	});

	test("tokens that are not good: made up, expired, of an ended session, used refresh tokens", async () => {
		const madeUp = await asked("GET /api/users/me", { token: "made.up.token" });
		expect(await theRecord({ request_id: madeUp.id })).toMatchObject({
			user_id: null,
			action: "users.me",
			object: "/api/users/me",
			ip: "127.0.0.1",
			result: "UNAUTHENTICATED",
		});
		const old = await asked("GET /api/users/me", { token: await expiredToken(ann.user_id) });
		expect(await theRecord({ request_id: old.id })).toMatchObject({ user_id: ann.user_id, result: "TOKEN_EXPIRED" });

		const { token } = await logIn(send, bob.username, bob.password);
		await send("POST /api/auth/logout", { token });
		await until(async () => (await send("GET /api/users/me", { token })).status === 401);
		const ended = await asked("GET /api/users/me", { token });
		expect(await theRecord({ request_id: ended.id })).toMatchObject({
			user_id: bob.user_id,
			result: "SESSION_REVOKED",
		});
		const refresh = await asked("POST /api/auth/refresh", { body: { refresh_token: "made-up" } });
		expect(await theRecord({ request_id: refresh.id })).toMatchObject({
			action: "auth.refresh",
			result: "UNAUTHENTICATED",
		});
	});

	test("who shows nothing, or asks for nothing that there is, is no case for the audit", async () => {
		const [anonymous, none, nowhere] = [
			await asked("GET /api/users/me"),
			await asked("GET /api/orders/01890000-0000-7000-8000-000000000000", ann),
			await asked("GET /api/nowhere", ann),
		];
		expect([anonymous.status, none.status, nowhere.status]).toEqual([401, 404, 404]);
		// Denials are recorded in their order: once this one is, those before it would be.
		const { id } = await asked("GET /api/users", ann);
		await theRecord({ request_id: id });
		for (const reply of [anonymous, none, nowhere]) expect(await find({ request_id: reply.id })).toEqual([]);
	});
});
