import http from "node:http";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ActionSchema } from "moleculer";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

/** How often an action was called. */
let calls = 0;
const action = (auth: "public" | "user", ms = 0): ActionSchema => ({
	auth,
	async handler() {
		calls += 1;
		await delay(ms);
		return { items: [] };
	},
});

let api: StubApi;
let token: string;
beforeAll(async () => {
	process.env["CORS_ORIGINS"] = "https://app.example.com";
	api = await startStubApi({
		orders: { place: action("user"), list: action("user") },
		data: { instruments: action("public") },
	});
	token = await api.token();
});
afterAll(async () => {
	delete process.env["CORS_ORIGINS"];
	await api.stop();
});
beforeEach(() => {
	calls = 0;
});

test.each([
	["an id of its own", "abc-1_2.3", "abc-1_2.3"],
	["an overlong id", "x".repeat(65), null],
	["an id with spaces", "a b", null],
])("a request with %s", async (_what, given, kept) => {
	const { headers } = await api.send("GET /health", {
		headers: { "X-Request-Id": given, "X-Correlation-Id": "other" },
	});
	expect(headers.get("x-request-id")).toEqual(kept ?? expect.stringMatching(/^[0-9a-f-]{36}$/));
});

test("every answer carries the headers that keep browsers from harm", async () => {
	for (const route of [
		"GET /health",
		"GET /api/nothing",
		"GET /api/orders",
		"GET /api/data/instruments",
		"OPTIONS /api/orders",
	]) {
		const { headers } = await api.send(route);
		expect(Object.fromEntries(headers)).toMatchObject({
			"cache-control": "no-store",
			"x-content-type-options": "nosniff",
			"content-security-policy": "default-src 'none'; frame-ancestors 'none'",
			"x-request-id": expect.any(String),
		});
		expect(headers.get("x-powered-by")).toBeNull();
	}
});

test("HEAD is GET without the body", async () => {
	const response = await fetch(`${api.baseUrl}/health`, { method: "HEAD" });
	expect([response.status, await response.text()]).toEqual([200, ""]);
	expect(Number(response.headers.get("content-length"))).toBeGreaterThan(10);
});

const preflight = { "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" };
test("pages of an allowed origin may ask, and read also refusals", async () => {
	const Origin = "https://app.example.com";
	const asked = await api.send("OPTIONS /api/orders", { headers: { Origin, ...preflight } });
	expect(asked.status).toBe(204);
	expect(asked.headers.get("access-control-allow-origin")).toBe(Origin);
	expect(asked.headers.get("access-control-allow-methods")).toContain("POST");
	expect(asked.headers.get("access-control-allow-headers")).toMatch(/Authorization.*X-Api-Key, X-Api-Secret/);
	const refused = await api.send("GET /api/orders", { headers: { Origin } });
	expect([refused.status, refused.headers.get("access-control-allow-origin"), refused.headers.get("vary")]).toEqual([
		401,
		Origin,
		"Origin",
	]);
});

test.each([
	"https://app.example.co",
	"https://app.example.com.evil.com",
	"https://evil-app.example.com",
	"http://app.example.com",
	"https://app.example.com:8443",
	"app.example.com",
	"null",
	"*",
	"",
])("the origin %j gets no word of CORS", async (Origin) => {
	for (const route of ["OPTIONS /api/orders", "GET /health"]) {
		const { headers } = await api.send(route, { headers: { Origin, ...preflight } });
		expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
	}
});

test("OPTIONS runs nothing", async () => {
	for (const headers of [{}, preflight, { ...preflight, Origin: "https://evil.com" }]) {
		expect(await api.send("OPTIONS /api/data/instruments", { headers })).toMatchObject({ status: 204 });
		expect(await api.send("OPTIONS /api/orders", { token, headers, body: {} })).toMatchObject({ status: 204 });
	}
	expect(calls).toBe(0);
});

test("it is healthy, alive, and ready once all are there", async () => {
	expect((await api.send("GET /health")).body).toEqual({
		service: "api",
		status: "degraded",
		timestamp: expect.any(String),
	});
	const reply = await api.send("GET /health/ready");
	expect(reply).toMatchObject({
		status: 503,
		body: {
			code: "NOT_READY",
			detail: "Waiting for health, metrics, audit, config, events, notifications, risk, trading, users",
		},
	});
	process.env["SERVICES"] = "api,auth,orders";
	expect(await api.send("GET /health/ready")).toMatchObject({ status: 200, body: { status: "ok" } });
	delete process.env["SERVICES"];
});

test("a client that never finishes its headers or its body is cut off", async () => {
	const url = new URL(api.baseUrl);
	const opened = (text: string) =>
		new Promise<number>((resolve) => {
			const startMs = performance.now();
			const socket = net.connect(Number(url.port), url.hostname, () => socket.write(text));
			socket.on("error", () => {});
			socket.resume().on("close", () => resolve(performance.now() - startMs));
		});
	const [headers, longBody] = await Promise.all([
		opened("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "),
		opened(
			`POST /api/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
				"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		),
	]);
	expect(headers).toBeLessThan(15_000);
	expect(longBody).toBeLessThan(15_000);
});

test("stopping, it finishes what it began and takes no more", async () => {
	const stopping = await startStubApi({ orders: { list: action("user", 1_000) } });
	const agent = new http.Agent({ keepAlive: true });
	const get = (path: string, headers = {}) =>
		new Promise<number>((resolve, reject) => {
			http
				.get(stopping.baseUrl + path, { agent, headers }, (response) =>
					response.resume().on("end", () => resolve(response.statusCode ?? 0)),
				)
				.on("error", reject);
		});
	expect(await get("/health/live")).toBe(200);
	const inFlight = get("/api/orders", { Authorization: `Bearer ${await stopping.token()}` });
	await until(() => calls > 0);
	const startMs = performance.now();
	const stopped = stopping.stop();
	expect(await inFlight).toBe(200);
	await stopped;
	expect(performance.now() - startMs).toBeLessThan(5_000);
	await expect(get("/health/live")).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);
});
