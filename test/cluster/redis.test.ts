import { Redis } from "ioredis";
import { httpClient, join, type Member, type Send } from "../support/http-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

const LIMITS = { RATE_LIMIT_USER: "100000", RATE_LIMIT_ADDRESS: "100000", LOGIN_LIMIT: "5" };
/** Far beyond what one command may take, far below what a request may. */
const PROMPT_MS = 3_000;

let server: RedisServer;
let redis: Redis;
let api: TestApi;
let other: TestApi;
let send: Send;
let ann: Member;
beforeAll(async () => {
	server = await startRedisServer();
	redis = new Redis(server.url);
	// A Redis that is away is met again and again.
	redis.on("error", () => {});
	Object.assign(process.env, LIMITS, { REDIS_URL: server.url });
	api = await startApi(["auth", "config", "data", "users"]);
	send = httpClient(api.baseUrl);
	ann = await join(send, "ann");
});
afterAll(async () => {
	for (const name of [...Object.keys(LIMITS), "REDIS_URL"]) delete process.env[name];
	server?.resume();
	redis?.disconnect();
	await other?.stop();
	await api?.stop();
	await server?.kill();
});

const guess = (password = "a-wrong-guess", to = send) =>
	to("POST /api/auth/login", { body: { username: "ann", password } });

const instruments = () => send("GET /api/data/instruments");

test("gateways count together, and each cluster by itself", async () => {
	await send("GET /api/users/me", ann);
	const counted = await redis.keys("*-rate-user:*");
	expect(counted).toEqual([expect.stringContaining(ann.user_id)]);
	// As another gateway would have.
	await redis.set(counted[0] as string, 200_000, "EX", 60);
	expect(await send("GET /api/users/me", ann)).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
	await redis.flushall();
	expect((await send("GET /api/users/me", ann)).status).toBe(200);
});

test("what one node has read of what is the same for all, others need not read", async () => {
	await instruments();
	await until(async () => (await redis.keys("MOL-*data.instruments*")).length === 1);
	const [key = ""] = await redis.keys("MOL-*data.instruments*");
	expect(key).toContain(process.env["NAMESPACE"]);
	await redis.set(key, JSON.stringify({ items: [] }), "EX", 60);
	expect((await instruments()).body).toMatchObject({ items: [] });
	await redis.flushall();
	expect((await instruments()).body["items"]).not.toEqual([]);
});

test.each([
	["hangs", async () => server.pause(), async () => server.resume()],
	["has crashed", () => server.kill(), () => server.start()],
])("while Redis %s requests are served and nobody logs in; afterwards all is as before", async (how, end, begin) => {
	await guess();
	await end();
	const startedAt = performance.now();
	expect((await send("GET /api/users/me", ann)).status).toBe(200);
	expect((await instruments()).body["items"]).not.toEqual([]);
	const newcomer = { username: `new-${how.length}`, email: `new-${how.length}@example.com`, password: "long-enough" };
	expect((await send("POST /api/users", { body: newcomer })).status).toBe(201);
	const login = await guess(ann.password);
	expect(login).toMatchObject({ status: 503, body: { code: "SERVICE_UNAVAILABLE" } });
	expect(login.headers.has("Retry-After")).toBe(true);
	expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS);

	await begin();
	await until(async () => (await guess(ann.password)).status === 200);
	const guesses = await Promise.all(Array.from({ length: 100 }, () => guess()));
	expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5);
	expect(guesses.filter(({ status }) => status === 429)).toHaveLength(95);
	await redis.flushall();
});

test("a node starts and stops without a Redis", async () => {
	await server.kill();
	other = await startApi(["auth", "config", "users"]);
	const there = httpClient(other.baseUrl);
	expect((await there("GET /health/live")).status).toBe(200);
	expect((await there("GET /.well-known/jwks.json")).status).toBe(200);
});
