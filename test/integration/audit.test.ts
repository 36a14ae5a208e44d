import { type CryptoKey, importJWK, type JWK, SignJWT } from "jose";
import type { AuditRecord } from "../../contracts/audit.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { call } from "../../lib/service.ts";
import { httpClient, join, logIn, type Member, type Reply, type Send } from "../support/http-client.ts";
import { testInOneProcess } from "../support/in-one-process.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let send: Send;
let ann: Member;
let bob: Member;
let admin: { token: string };
let auditor: { token: string };
beforeAll(async () => {
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1";
	api = await startApi();
	send = httpClient(api.baseUrl);
	[ann, bob] = await Promise.all([join(send, "ann"), join(send, "bob")]);
	[admin, auditor] = await Promise.all([operator("admin"), operator("auditor")]);
});
afterAll(async () => {
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
	await api.stop();
});

async function operator(role: "admin" | "auditor"): Promise<{ token: string }> {
	const account = { username: role, email: `${role}@example.com`, password: `${role}-long-enough` };
	await call(api.broker, "auth.provision", { ...account, roles: [role] });
	return logIn(send, account.username, account.password);
}

const items = ({ body }: Reply) => body["items"] as AuditRecord[];
const find = async (query: Record<string, string>) =>
	items(await send(`GET /api/audit?${new URLSearchParams(query)}`, auditor));

/** The one record that there is of `query`, once it is there. */
async function theRecord(query: Record<string, string>): Promise<AuditRecord> {
	await until(async () => (await find(query)).length > 0);
	const found = await find(query);
	expect(found).toHaveLength(1);
	return found[0] as AuditRecord;
}

let requests = 0;
/** Sends a request under an id of its own, and gives the answer and that id. */
async function asked(route: string, sent: Parameters<Send>[1] = {}): Promise<Reply & { readonly id: string }> {
	const id = `asked-${++requests}`;
	const reply = await send(route, { ...sent, headers: { ...sent.headers, "X-Request-Id": id } });
	return { ...reply, id };
}

const order = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "100" };
/** An order of bob's that rests. */
async function bobsOrder(): Promise<string> {
	const key = { "Idempotency-Key": `deposit-${++requests}` };
	const deposit = { user_id: bob.user_id, asset: "USD", amount: "100" };
	await send("POST /api/trading/deposits", { ...admin, body: deposit, headers: key });
	const { status, body } = await send("POST /api/orders", { ...bob, body: order });
	expect(status).toBe(201);
	return String(body["order_id"]);
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
		const [session] = items(await send("GET /api/auth/sessions", bob)) as unknown as { session_id: string }[];
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
		const [notice] = items(await send("GET /api/notifications", bob)) as unknown as { notification_id: string }[];
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
		const [session] = items(await send("GET /api/auth/sessions", bob)) as unknown as { session_id: string }[];
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

test("an order that is turned away is recorded with its code, under the request that placed it", async () => {
	const { status, body, id } = await asked("POST /api/orders", { ...ann, body: { ...order, quantity: "5" } });
	expect([status, body["code"]]).toEqual([403, "INSUFFICIENT_FUNDS"]);
	const object = String(body["order_id"]);
	await until(async () => (await find({ object, action: "orders.status_updated" })).length === 1);
	expect((await find({ object })).map(({ action, result }) => [action, result])).toEqual([
		["orders.status_updated", "INSUFFICIENT_FUNDS"],
		["orders.created", "ok"],
	]);
	expect(await find({ object, result: "ok" })).toMatchObject([
		{
			user_id: ann.user_id,
			ip: "127.0.0.1",
			request_id: id,
			details: null,
			data_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
		},
	]);
	expect(await find({ object, result: "INSUFFICIENT_FUNDS" })).toHaveLength(1);
});

test("what an operator changes is recorded with what it was", async () => {
	const limits = { max_order_notional: "5000", max_open_orders: 9 };
	const { status, id } = await asked(`PUT /api/risk/limits/${bob.user_id}`, { ...admin, body: limits });
	expect(status).toBe(200);
	expect(await theRecord({ request_id: id })).toMatchObject({
		action: "risk.limits_changed",
		object: `risk-limits:${bob.user_id}`,
		result: "ok",
		details: { ...limits, scope: bob.user_id },
	});
});

test("every event of the history has a record, each with the hash of its data", async () => {
	const told = () =>
		api.dbs.events.query<{ event_id: string; data_hash: string }>(
			`SELECT event_id, encode(sha256(convert_to(data::text, 'UTF8')), 'hex') AS data_hash FROM events
		WHERE source <> 'audit' ORDER BY event_id`,
		);
	const recorded = () =>
		api.dbs.audit.query("SELECT event_id, data_hash FROM records WHERE data_hash IS NOT NULL ORDER BY event_id");
	await until(async () => (await told()).length === (await recorded()).length);
	expect((await told()).length).toBeGreaterThan(20);
	expect(await recorded()).toEqual(await told());
});

describe("GET /api/audit", () => {
	test("is for auditors and admins", async () => {
		for (const path of ["/api/audit", "/api/audit/verify", "/api/audit/export", "/api/events", "/api/config"]) {
			expect([path, (await send(`GET ${path}`, ann)).status]).toEqual([path, 403]);
			expect([path, (await send(`GET ${path}`)).status]).toEqual([path, 401]);
		}
		for (const who of [admin, auditor])
			for (const path of ["/api/audit", "/api/audit/verify", "/api/events", "/api/config", "/api/health"])
				expect([path, (await send(`GET ${path}`, who)).status]).toEqual([path, 200]);
		expect(
			(await send("PUT /api/config/users.max_users", { ...auditor, body: { value: 1, expected_version: 0 } })).status,
		).toBe(403);
		expect((await send("POST /api/audit", { ...auditor, body: {} })).status).toBe(405);
	});

	test("gives the newest first, page by page, each record once", async () => {
		const seen: number[] = [];
		let cursor: string | null = "";
		for (let pages = 0; cursor !== null && pages < 5; pages++) {
			const page: Reply = await send(`GET /api/audit?limit=10${cursor && `&cursor=${cursor}`}`, auditor);
			seen.push(...items(page).map((record) => record.seq));
			cursor = page.body["next_cursor"] as string | null;
		}
		expect(seen).toHaveLength(50);
		expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => (seen[0] as number) - i));
	});

	test("filters by time, from and until", async () => {
		const [newest] = await find({ limit: "1" });
		const { time } = newest as AuditRecord;
		expect((await find({ since: time })).map((record) => record.seq)).toContain(newest?.seq);
		expect((await find({ until: time })).map((record) => record.seq)).not.toContain(newest?.seq);
		expect(await find({ since: "2020-01-01T00:00:00Z", until: "2020-01-02T00:00:00Z" })).toEqual([]);
	});

	test("filters by all that is asked for at once", async () => {
		const found = await find({ user_id: ann.user_id, action: "auth.logged_in", result: "ok" });
		expect(found.length).toBeGreaterThan(0);
		for (const record of found) expect(record).toMatchObject({ user_id: ann.user_id, action: "auth.logged_in" });
		expect(await find({ user_id: ann.user_id, action: "auth.logged_in", result: "FORBIDDEN" })).toEqual([]);
	});

	test.each([
		"limit=0",
		"limit=501",
		"cursor=x",
		"since=yesterday",
		"until=2026-13-45T00:00:00Z",
		"colour=red",
		"object=%00",
		"since=2026-01-02T03:04:05",
	])("refuses %s", async (query) => {
		expect(await send(`GET /api/audit?${query}`, auditor)).toMatchObject({ status: 422 });
	});
});

testInOneProcess("what is recorded at the last moment before the cluster stops is in the chain", async () => {
	const [before] = await find({ limit: "1" });
	await asked("GET /api/users", ann);
	await (api.broker.getLocalService("api") as unknown as { drain(): Promise<void> }).drain();
	const [last] = await api.dbs.audit.query("SELECT result, user_id FROM records WHERE seq > $1 ORDER BY seq", [
		before?.seq ?? 0,
	]);
	expect(last).toEqual({ result: "FORBIDDEN", user_id: ann.user_id });
});
