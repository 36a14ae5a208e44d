import { call } from "../../lib/service.ts";
import { httpClient, join, logIn, type Member, makeKey, type Send } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

const NEW = "quite another one";
const LIMITS = { LOGIN_LIMIT: "4" };
const OPERATOR = {
	meta: { user: { user_id: crypto.randomUUID(), username: "op", roles: ["admin"], session_id: "repl" } },
} as const;

let api: TestApi;
let send: Send;
beforeAll(async () => {
	Object.assign(process.env, LIMITS);
	api = await startApi(["auth", "users", "config"]);
	send = httpClient(api.baseUrl);
});
afterAll(async () => {
	for (const name of Object.keys(LIMITS)) delete process.env[name];
	await api.stop();
});

const change = (token: string, current_password: string, new_password = NEW) =>
	send("PUT /api/auth/password", { token, body: { current_password, new_password } });
const tryLogin = async ({ username }: Member, password: string) => {
	const { status, body } = await send("POST /api/auth/login", { body: { username, password } });
	return [status, body["code"]];
};
const status = async (token: string) => (await send("GET /api/users/me", { token })).status;
const told = ({ user_id }: Member) =>
	api.dbs.auth.query("SELECT data FROM outbox WHERE type = 'auth.password_changed' AND data->>'user_id' = $1", [
		user_id,
	]);

test("who changes his password goes on in his session, and all his others end", async () => {
	const ann = await join(send, "ann");
	const other = await logIn(send, ann.username, ann.password);
	const key = await makeKey(send, ann, ["read"]);
	expect(await change(ann.token, ann.password)).toMatchObject({ status: 200, body: { changed: true } });

	await until(async () => (await status(other.token)) === 401, 10_000, 50);
	const refreshed = await send("POST /api/auth/refresh", { body: { refresh_token: other.refreshToken } });
	expect(refreshed).toMatchObject({ status: 401, body: { code: "SESSION_REVOKED" } });
	expect(await status(ann.token)).toBe(200);
	expect((await send("GET /api/users/me", { headers: { ...key } })).status).toBe(200);
	expect(await tryLogin(ann, ann.password)).toEqual([401, "INVALID_CREDENTIALS"]);
	expect(await tryLogin(ann, NEW)).toEqual([200, undefined]);
	expect(await told(ann)).toEqual([{ data: { user_id: ann.user_id, by: "owner" } }]);
	const reasons = await api.dbs.auth.query(
		"SELECT data->>'reason' AS reason FROM outbox WHERE type = 'auth.session_revoked' AND data->>'user_id' = $1",
		[ann.user_id],
	);
	expect(reasons).toEqual([{ reason: "password_changed" }]);
});

test("a wrong current password changes nothing, and guesses at it are counted", async () => {
	const bob = await join(send, "bob");
	for (let i = 0; i < Number(LIMITS.LOGIN_LIMIT); i++) {
		expect(await change(bob.token, `wrong-${i}`)).toMatchObject({
			status: 401,
			body: { code: "INVALID_CREDENTIALS", detail: "The current password is wrong" },
		});
	}
	expect(await change(bob.token, bob.password)).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
	expect(await told(bob)).toEqual([]);
});

test.each([
	["short", 422],
	["x".repeat(129), 422],
	["", 422],
])("a new password that is no good is refused: %p", async (bad, refused) => {
	const name = `carl${bad.length}`;
	const carl = await join(send, name);
	expect(await change(carl.token, carl.password, bad)).toMatchObject({ status: refused });
	expect(await tryLogin(carl, carl.password)).toEqual([200, undefined]);
});

test("an API key cannot change a password, and nobody can without a session", async () => {
	const dora = await join(send, "dora");
	const key = await makeKey(send, dora, ["read", "trade"]);
	const body = { current_password: dora.password, new_password: NEW };
	expect((await send("PUT /api/auth/password", { headers: { ...key }, body })).status).toBe(403);
	expect((await send("PUT /api/auth/password", { body })).status).toBe(401);
	expect(await tryLogin(dora, dora.password)).toEqual([200, undefined]);
});

test("of changes at the same moment from the same password one is done", async () => {
	const eve = await join(send, "eve");
	const tries = await Promise.all([1, 2, 3].map((i) => change(eve.token, eve.password, `${NEW} ${i}`)));
	const statuses = tries.map((reply) => reply.status);
	expect(statuses.toSorted()).toEqual([200, 401, 401]);
	expect(await tryLogin(eve, `${NEW} ${statuses.indexOf(200) + 1}`)).toEqual([200, undefined]);
});

test("an operator gives a user a new password, and all his sessions end", async () => {
	const fay = await join(send, "fay");
	const { password } = await call(api.broker, "auth.resetPassword", { user_id: fay.user_id }, OPERATOR);
	expect(await tryLogin(fay, password)).toEqual([200, undefined]);
	expect(await tryLogin(fay, fay.password)).toEqual([401, "INVALID_CREDENTIALS"]);
	await until(async () => (await status(fay.token)) === 401, 10_000, 50);
	expect(await told(fay)).toEqual([{ data: { user_id: fay.user_id, by: "admin" } }]);

	const unknown = { user_id: crypto.randomUUID() };
	await expect(call(api.broker, "auth.resetPassword", unknown, OPERATOR)).rejects.toMatchObject({ type: "NOT_FOUND" });
	const trader = { meta: { user: { ...OPERATOR.meta.user, roles: ["trader"] } } } as const;
	await expect(call(api.broker, "auth.resetPassword", { user_id: fay.user_id }, trader)).rejects.toMatchObject({
		type: "FORBIDDEN",
	});
});

test("a login that has shown the old password opens no session once it has changed", async () => {
	const gus = await join(send, "gus");
	const logins = Array.from({ length: 3 }, () => tryLogin(gus, gus.password));
	const { password } = await call(api.broker, "auth.resetPassword", { user_id: gus.user_id }, OPERATOR);
	await Promise.all(logins);
	const live = await api.dbs.auth.query(
		"SELECT FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()",
		[gus.user_id],
	);
	expect(live).toEqual([]);
	expect(await tryLogin(gus, password)).toEqual([200, undefined]);
});
