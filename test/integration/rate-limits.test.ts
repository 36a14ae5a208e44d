import { httpClient, join, type Member, makeKey, type Reply, type Send } from "../support/http-client.ts";
import { startApi, type TestApi } from "../support/services.ts";

const LIMITS = {
	RATE_LIMIT_USER: "8",
	RATE_LIMIT_ADDRESS: "60",
	LOGIN_LIMIT: "5",
	REGISTRATION_LIMIT: "6",
	TRUSTED_PROXIES: "127.0.0.1",
};

let api: TestApi;
let send: Send;
let ann: Member;
let bob: Member;
beforeAll(async () => {
	Object.assign(process.env, LIMITS);
	api = await startApi(["auth", "users", "config"]);
	send = httpClient(api.baseUrl);
	[ann, bob] = [await join(send, "ann"), await join(send, "bob")];
});
afterAll(async () => {
	for (const name of Object.keys(LIMITS)) delete process.env[name];
	await api.stop();
});

const remaining = ({ headers }: Reply) => Number(/;r=(\d+)/.exec(headers.get("RateLimit") ?? "")?.[1]);
const profile = (member: { token: string }) => send("GET /api/users/me", member);
const logIn = (username: string, password: string, ip: string) =>
	send("POST /api/auth/login", { body: { username, password }, headers: { "X-Forwarded-For": ip } });

test("every answer tells the limits, and what is left", async () => {
	const first = await profile(ann);
	expect(first.headers.get("RateLimit-Policy")).toBe(
		'"user";q=8;w=10, "address";q=60;w=10, "login";q=5;w=900, "registration";q=6;w=900',
	);
	expect(first.headers.get("RateLimit")).toMatch(/^"user";r=\d+;t=\d+$/);
	expect(remaining(await profile(ann))).toBe(remaining(first) - 1);
	expect((await send("GET /nothing")).headers.get("RateLimit-Policy")).not.toBeNull();
	expect((await send("GET /api/users/me")).headers.get("RateLimit")).toMatch(/^"address"/);
});

test("a user over the limit is told when to come back, and others are served", async () => {
	let reply = await profile(ann);
	for (let i = 0; i < 8 && reply.status === 200; i++) reply = await profile(ann);
	expect(reply).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
	expect(Number(reply.headers.get("Retry-After"))).toBeGreaterThan(0);
	expect((await profile(bob)).status).toBe(200);
});

test("an API key has a limit of its own", async () => {
	const headers = await makeKey(send, bob, ["read"]);
	const first = await send("GET /api/users/me", { headers });
	expect(remaining(first)).toBe(7);
});

test("whoever shows nothing is counted by address, which a proxy that is trusted tells", async () => {
	const from = (ip: string) => send("GET /.well-known/jwks.json", { headers: { "X-Forwarded-For": ip } });
	const replies = await Promise.all(Array.from({ length: 61 }, () => from("203.0.113.7")));
	expect(replies.filter(({ status }) => status === 429)).toHaveLength(1);
	expect((await from("203.0.113.8")).status).toBe(200);
});

test("of a hundred guesses at a password all but a few are refused unread, and the right one, too", async () => {
	const guesses = await Promise.all(Array.from({ length: 50 }, (_, i) => logIn("bob", `guess-${i}`, "203.0.113.9")));
	const statuses = guesses.map(({ status }) => status);
	expect(statuses.filter((status) => status === 401)).toHaveLength(5);
	expect(statuses.filter((status) => status === 429)).toHaveLength(45);
	const right = await logIn("BOB", bob.password, "203.0.113.9");
	expect(right).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
	// Nobody can keep others out.
	expect((await logIn("bob", bob.password, "203.0.113.10")).status).toBe(200);
});

test("a login that is right forgets the wrong ones before it", async () => {
	for (let round = 0; round < 3; round++) {
		for (let i = 0; i < 4; i++) expect((await logIn("ann", "wrong-password", "203.0.113.11")).status).toBe(401);
		expect((await logIn("ann", ann.password, "203.0.113.11")).status).toBe(200);
	}
});

test("an address registers so many users and no more, and others may go on", async () => {
	const register = (username: string, ip: string) =>
		send("POST /api/users", {
			body: { username, email: `${username}@example.com`, password: "long-enough" },
			headers: { "X-Forwarded-For": ip },
		});
	const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => register(`new-${i}`, "203.0.113.12")));
	expect(replies.filter(({ status }) => status === 201)).toHaveLength(6);
	const refused = replies.filter(({ status }) => status === 429);
	expect(refused).toHaveLength(14);
	expect(refused[0]?.body).toMatchObject({ code: "RATE_LIMITED" });
	expect(Number(refused[0]?.headers.get("Retry-After"))).toBeGreaterThan(10);
	expect((await register("new-neighbour", "203.0.113.13")).status).toBe(201);
});
