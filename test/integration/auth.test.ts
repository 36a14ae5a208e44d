import { decodeJwt, decodeProtectedHeader } from "jose";
import type { LoginFailed } from "../../contracts/auth.ts";
import { call } from "../../lib/service.ts";
import { httpClient, join, logIn, type Send } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let send: Send;
beforeAll(async () => {
	// All of them come from one address.
	process.env["REGISTRATION_LIMIT"] = "1000";
	api = await startApi(["auth", "users", "config"]);
	send = httpClient(api.baseUrl);
});
afterAll(async () => {
	delete process.env["REGISTRATION_LIMIT"];
	await api.stop();
});

const admin = async (name: string) => {
	const password = "administration";
	await call(api.broker, "auth.provision", {
		username: name,
		email: `${name}@example.com`,
		password,
		roles: ["admin"],
	});
	return logIn(send, name, password);
};

test("who registers can log in under the name in any case, and is told by the token", async () => {
	const { user_id } = await join(send, "ann");
	const reply = await send("POST /api/auth/login", { body: { username: "ANN", password: "ann-long-enough" } });
	expect(reply).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 900 } });

	const token = String(reply.body["access_token"]);
	expect(decodeProtectedHeader(token)).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: expect.any(String) });
	const { sub, iss, aud, roles, exp = 0, iat = 0 } = decodeJwt(token);
	expect({ sub, iss, aud, roles, life: exp - iat }).toEqual({
		sub: user_id,
		iss: "autogrowthtrading/auth",
		aud: "autogrowthtrading/api",
		roles: ["trader"],
		life: 900,
	});
	expect(await send("GET /api/users/me", { token })).toMatchObject({ status: 200, body: { user_id, username: "ann" } });
});

test("the public keys are public, and nothing but public", async () => {
	const { status, headers, body } = await send("GET /.well-known/jwks.json");
	expect(status).toBe(200);
	expect(headers.get("cache-control")).toBe("public, max-age=300");
	expect(body["keys"]).toEqual([
		{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", x: expect.any(String), kid: expect.any(String) },
	]);
});

test("passwords are kept as argon2id and refresh tokens as hashes", async () => {
	const { refreshToken } = await join(send, "hashed");
	const { password_hash } =
		(await api.dbs.auth.query<{ password_hash: string }>("SELECT password_hash FROM credentials"))[0] ?? {};
	expect(password_hash).toMatch(/^\$argon2id\$/);
	const hashes = await api.dbs.auth.query<{ token_hash: string }>("SELECT token_hash FROM refresh_tokens");
	expect(hashes.map((row) => row.token_hash)).not.toContain(refreshToken);
});

test("an unknown name and a wrong password are alike", async () => {
	await join(send, "known");
	const [unknown, wrong] = await Promise.all([
		send("POST /api/auth/login", { body: { username: "nobody", password: "guess-guess" } }),
		send("POST /api/auth/login", { body: { username: "known", password: "guess-guess" } }),
	]);
	const { request_id: _u, ...unknownBody } = unknown.body;
	const { request_id: _w, ...wrongBody } = wrong.body;
	expect(unknownBody).toMatchObject({ status: 401, code: "INVALID_CREDENTIALS" });
	expect(wrongBody).toEqual(unknownBody);
});

test("a password too long to be one is refused before it is hashed", async () => {
	for (const length of [129, 20_000, 1_000_000]) {
		const body = { username: "known", password: "x".repeat(length) };
		expect(await send("POST /api/auth/login", { body })).toMatchObject({
			status: 422,
			body: { code: "VALIDATION_FAILED" },
		});
	}
});

test.each([
	["ann-of-example", "Ann-Of-Example", "other@example.com", "USERNAME_TAKEN"],
	["bob-of-example", "bobby", "BOB-of-example@example.com", "EMAIL_TAKEN"],
])("a name or address is taken in whatever case: %s, %s", async (first, username, email, code) => {
	await join(send, first);
	const credentials = () => api.dbs.auth.query("SELECT FROM credentials");
	const before = (await credentials()).length;
	expect(await send("POST /api/users", { body: { username, email, password: "long enough" } })).toMatchObject({
		status: 409,
		body: { code },
	});
	expect(await credentials()).toHaveLength(before);
});

test("a dozen who want one name at once: one gets it, nothing is left of the others", async () => {
	const replies = await Promise.all(
		Array.from({ length: 12 }, (_, i) =>
			send("POST /api/users", { body: { username: "wanted", email: `w${i}@example.com`, password: "long enough" } }),
		),
	);
	const count = (status: number) => replies.filter((reply) => reply.status === status).length;
	expect([count(201), count(409)]).toEqual([1, 11]);
	const users = await api.dbs.users.query("SELECT user_id FROM users ORDER BY user_id");
	const credentials = await api.dbs.auth.query("SELECT user_id FROM credentials ORDER BY user_id");
	expect(credentials).toEqual(users);
});

test.each([
	["a role", { role: "admin" }, "UNKNOWN_FIELD"],
	["roles", { roles: ["admin"] }, "UNKNOWN_FIELD"],
	["an id", { user_id: "00000000-0000-7000-8000-000000000000" }, "UNKNOWN_FIELD"],
	["a status", { status: "active" }, "UNKNOWN_FIELD"],
	["a short password", { password: "short" }, "VALIDATION_FAILED"],
	["a number for a password", { password: 12345678 }, "VALIDATION_FAILED"],
	["a bad name", { username: "a b" }, "VALIDATION_FAILED"],
	["a bad address", { email: "nowhere" }, "VALIDATION_FAILED"],
	["no address", { email: undefined }, "VALIDATION_FAILED"],
])("registering with %s is refused, and leaves nothing", async (_what, over, code) => {
	const before = await api.dbs.auth.query("SELECT FROM credentials");
	const body = { username: "fresh", email: "fresh@example.com", password: "long enough", ...over };
	expect(await send("POST /api/users", { body })).toMatchObject({ status: 422, body: { code } });
	expect(await api.dbs.auth.query("SELECT FROM credentials")).toHaveLength(before.length);
});

test("a failed login is told before it is answered, alike whether there is such a user or not", async () => {
	const { user_id } = await join(send, "guessed");
	const outbox = () =>
		api.dbs.auth.query<{ aggregate_id: string; aggregate_seq: string; data: LoginFailed; actor: unknown }>(
			"SELECT aggregate_id, aggregate_seq, data, actor FROM outbox WHERE type = 'auth.login_failed' ORDER BY position",
		);
	const before = (await outbox()).length;
	for (const username of ["guessed", "nobody-at-all"]) {
		const reply = await send("POST /api/auth/login", { body: { username, password: "guess-guess" } });
		expect(reply).toMatchObject({ status: 401, body: { code: "INVALID_CREDENTIALS" } });
	}
	const [known, unknown] = (await outbox()).slice(before);
	const attempt = { ip: "127.0.0.1", user_agent: "node", reason: "INVALID_CREDENTIALS" };
	expect(known).toEqual({
		aggregate_id: expect.stringMatching(/^login-attempt:[0-9a-f-]{36}$/),
		aggregate_seq: "1",
		data: { ...attempt, user_id, username: "guessed" },
		actor: { user_id, ip: "127.0.0.1" },
	});
	expect(unknown).toEqual({
		aggregate_id: expect.not.stringMatching(known?.aggregate_id ?? ""),
		aggregate_seq: "1",
		data: { ...attempt, user_id: null, username: "nobody-at-all" },
		actor: null,
	});
});

test("a refresh token works once; used again it ends the session", async () => {
	const { token, refreshToken } = await join(send, "thrifty");
	const first = await send("POST /api/auth/refresh", { body: { refresh_token: refreshToken } });
	expect(first.status).toBe(200);
	const next = String(first.body["refresh_token"]);
	const second = await send("POST /api/auth/refresh", { body: { refresh_token: next } });
	expect(second.status).toBe(200);

	const stolen = await send("POST /api/auth/refresh", { body: { refresh_token: refreshToken } });
	expect(stolen).toMatchObject({ status: 401, body: { code: "SESSION_REVOKED" } });
	const owner = await send("POST /api/auth/refresh", { body: { refresh_token: second.body["refresh_token"] } });
	expect(owner).toMatchObject({ status: 401, body: { code: "SESSION_REVOKED" } });
	await until(async () => (await send("GET /api/users/me", { token })).body["code"] === "SESSION_REVOKED", 5_000);
});

test("of ten uses of one refresh token at once at most one succeeds, and the session ends", async () => {
	const { refreshToken } = await join(send, "hasty");
	const replies = await Promise.all(
		Array.from({ length: 10 }, () => send("POST /api/auth/refresh", { body: { refresh_token: refreshToken } })),
	);
	expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
	expect(replies.filter(({ body }) => body["code"] === "SESSION_REVOKED")).toHaveLength(9);
});

test("a refresh token that nobody gave is refused", async () => {
	const reply = await send("POST /api/auth/refresh", { body: { refresh_token: "x".repeat(43) } });
	expect(reply).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
});

test("a logged-out session is over for all of its tokens", async () => {
	const { token, refreshToken, username, password } = await join(send, "leaver");
	const other = await logIn(send, username, password);
	expect(await send("POST /api/auth/logout", { token })).toMatchObject({ status: 200, body: { revoked: true } });
	await until(async () => (await send("GET /api/users/me", { token })).status === 401, 5_000);
	expect(await send("POST /api/auth/refresh", { body: { refresh_token: refreshToken } })).toMatchObject({
		status: 401,
	});
	expect(await send("GET /api/users/me", { token: other.token })).toMatchObject({ status: 200 });
});

test("sessions are listed and ended by their owner alone", async () => {
	const owner = await join(send, "owner");
	const phone = await logIn(send, owner.username, owner.password);
	const { body } = await send("GET /api/auth/sessions", { token: owner.token });
	const items = body["items"] as { session_id: string; current: boolean }[];
	expect(items.map((session) => session.current)).toEqual([false, true]);
	expect(items[0]).toMatchObject({ ip: "127.0.0.1", user_agent: "node", created_at: expect.any(String) });

	const path = `/api/auth/sessions/${items[0]?.session_id}`;
	const stranger = await join(send, "stranger");
	expect(await send(`DELETE ${path}`, { token: stranger.token })).toMatchObject({
		status: 404,
		body: { code: "NOT_FOUND" },
	});
	expect(await send(`DELETE ${path}`, { token: owner.token })).toMatchObject({ status: 200 });
	expect(await send(`DELETE ${path}`, { token: owner.token })).toMatchObject({ status: 404 });
	await until(async () => (await send("GET /api/users/me", { token: phone.token })).status === 401, 5_000);
});

test("beyond fifty sessions the one unused longest ends", async () => {
	const { user_id, username, password } = await join(send, "collector");
	await Promise.all(Array.from({ length: 50 }, () => logIn(send, username, password)));
	const live = await api.dbs.auth.query("SELECT FROM sessions WHERE user_id = $1 AND revoked_at IS NULL", [user_id]);
	expect(live).toHaveLength(50);
});

test("who is suspended is out, and back in once resumed", async () => {
	const { token: adminToken } = await admin("suspender");
	const member = await join(send, "suspect");
	const suspended = await send(`POST /api/users/${member.user_id}/suspend`, { token: adminToken });
	expect(suspended).toMatchObject({ status: 200, body: { status: "suspended" } });

	await until(async () => (await send("GET /api/users/me", { token: member.token })).status === 401, 5_000);
	const refused = await send("POST /api/auth/refresh", { body: { refresh_token: member.refreshToken } });
	expect([401, 403]).toContain(refused.status);
	const { username, password } = member;
	expect(await send("POST /api/auth/login", { body: { username, password } })).toMatchObject({
		status: 403,
		body: { code: "USER_SUSPENDED" },
	});
	expect(await send("POST /api/auth/login", { body: { username, password: "guess-guess" } })).toMatchObject({
		status: 401,
	});

	expect(await send(`POST /api/users/${member.user_id}/resume`, { token: adminToken })).toMatchObject({
		body: { status: "active" },
	});
	await until(async () => (await send("POST /api/auth/login", { body: { username, password } })).status === 200, 5_000);
	expect(await send("GET /api/users/me", { token: member.token })).toMatchObject({ status: 401 });
});

test("events of a session are counted from 1 without a gap", async () => {
	const { user_id, token } = await join(send, "counted");
	await send("POST /api/auth/logout", { token });
	const rows = await api.dbs.auth.query<{ type: string; aggregate_seq: string; correlation_id: string }>(
		"SELECT type, aggregate_seq, correlation_id FROM outbox WHERE data->>'user_id' = $1 ORDER BY position",
		[user_id],
	);
	expect(rows.map(({ type, aggregate_seq }) => [type, Number(aggregate_seq)])).toEqual([
		["auth.logged_in", 1],
		["auth.session_revoked", 2],
	]);
});
