import { decodeProtectedHeader } from "jose";
import { call } from "../../lib/service.ts";
import { sweepSigningKeys } from "../../services/auth/signing-keys.ts";
import { httpClient, join, type Member, type Send } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

const OPERATOR = {
	meta: { user: { user_id: crypto.randomUUID(), username: "op", roles: ["admin"], session_id: "repl" } },
} as const;

let api: TestApi;
let send: Send;
let ann: Member;
beforeAll(async () => {
	api = await startApi(["auth", "users", "config"]);
	send = httpClient(api.baseUrl);
	ann = await join(send, "ann");
});
afterAll(() => api.stop());

const rotate = (compromised = false) => call(api.broker, "auth.rotateSigningKey", { compromised }, OPERATOR);
const keys = () => call(api.broker, "auth.signingKeys", undefined, OPERATOR);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const status = async (token: string) => (await send("GET /api/users/me", { token })).status;
const tokens = async () => {
	const { body } = await send("POST /api/auth/login", { body: { username: "ann", password: "ann-long-enough" } });
	return { access: String(body["access_token"]), refresh: String(body["refresh_token"]) };
};
const logIn = async () => (await tokens()).access;
const published = async () => {
	const { body } = await send("GET /.well-known/jwks.json");
	return (body["keys"] as { kid: string }[]).map(({ kid }) => kid);
};
/** As if all keys had been made so much earlier. */
const age = (minutes: number) =>
	api.dbs.auth.query("UPDATE signing_keys SET created_at = created_at - make_interval(mins => $1)", [minutes]);

test("a new key is published before it signs, and the old one is kept until its tokens have expired", async () => {
	const [first] = await keys();
	expect(await keys()).toEqual([{ kid: kidOf(ann.token), state: "signing", created_at: expect.any(String) }]);

	const [second, ...others] = await rotate();
	expect([second?.state, others]).toEqual(["published", [first]]);
	expect(await published()).toEqual([second?.kid, first?.kid]);
	expect(kidOf(await logIn())).toBe(first?.kid);
	expect(await rotate()).toEqual([second, first]);

	await age(10);
	await until(async () => kidOf(await logIn()) === second?.kid, 30_000, 500);
	expect((await keys()).map(({ kid, state }) => [kid, state])).toEqual([
		[second?.kid, "signing"],
		[first?.kid, "retired"],
	]);
	expect([await status(ann.token), await status(await logIn())]).toEqual([200, 200]);
	await sweepSigningKeys(api.dbs.auth);
	expect(await published()).toHaveLength(2);

	await age(16);
	await sweepSigningKeys(api.dbs.auth);
	expect(await published()).toEqual([second?.kid]);
	expect(await status(await logIn())).toBe(200);
});

test("what compromised keys have signed is refused within seconds, and clients go on by refreshing", async () => {
	const before = await tokens();
	expect(await status(before.access)).toBe(200);
	const [fresh, ...others] = await rotate(true);
	expect([fresh?.state, others]).toEqual(["signing", []]);
	await until(async () => (await status(before.access)) === 401, 30_000, 100);

	await until(async () => kidOf(await logIn()) === fresh?.kid, 30_000, 500);
	const refreshed = await send("POST /api/auth/refresh", { body: { refresh_token: before.refresh } });
	const after = String(refreshed.body["access_token"]);
	expect([kidOf(after), await status(after)]).toEqual([fresh?.kid, 200]);
});

test("the history says who has rotated, and nobody but an admin can", async () => {
	const told = await api.dbs.auth.query<{ data: object; actor: { user_id: string } }>(
		"SELECT data, actor FROM outbox WHERE type = 'auth.signing_key_rotated' ORDER BY position",
	);
	expect(told.map(({ data, actor }) => [data, actor.user_id])).toEqual([
		[{ kid: expect.any(String), compromised: false }, OPERATOR.meta.user.user_id],
		[{ kid: expect.any(String), compromised: true }, OPERATOR.meta.user.user_id],
	]);
	const meta = { user: { ...OPERATOR.meta.user, roles: ["trader", "auditor"] } } as const;
	await expect(call(api.broker, "auth.rotateSigningKey", {}, { meta })).rejects.toMatchObject({ type: "FORBIDDEN" });
	await expect(call(api.broker, "auth.signingKeys", undefined, { meta })).rejects.toMatchObject({ type: "FORBIDDEN" });
});
