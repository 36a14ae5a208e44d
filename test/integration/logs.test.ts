import type net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { refuse } from "../../lib/refuse.ts";
import { SLOW_REQUEST_MS } from "../../services/api/limits.ts";
import { httpClient, type Send } from "../support/http-client.ts";
import { until } from "../support/until.ts";

const SETTINGS = { HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", LOG_LEVEL: "warn", NODE_ID: "logs-1" };
const SECRET = "hunter2-hunter2";

/** As the database's errors are: with values beside the message. */
const failure = Object.assign(new Error("duplicate key"), { code: "23505", detail: `Key (email)=(${SECRET})` });

let broker: ServiceBroker;
let send: Send;
const lines: string[] = [];

beforeAll(async () => {
	Object.assign(process.env, SETTINGS);
	for (const method of ["log", "warn", "error"] as const)
		import.meta.jest.spyOn(console, method).mockImplementation((...args: unknown[]) => void lines.push(args.join(" ")));
	broker = await createNode(["api"]);
	broker.createService({
		name: "data",
		actions: {
			instruments: { auth: "public", handler: () => ({ items: [] }) },
			instrument: { auth: "public", handler: () => Promise.reject(failure) },
			trades: { auth: "public", handler: () => delay(SLOW_REQUEST_MS + 50) },
			book: { auth: "public", handler: () => Promise.reject(refuse("NOT_FOUND")) },
		},
	});
	await broker.start();
	const gateway = broker.getLocalService("api") as unknown as { server: net.Server };
	send = httpClient(`http://127.0.0.1:${(gateway.server.address() as net.AddressInfo).port}`);
});
afterAll(async () => {
	await broker.stop();
	import.meta.jest.restoreAllMocks();
	for (const name of Object.keys(SETTINGS)) delete process.env[name];
});

/** The lines of a request, once `count` are there. */
async function linesOf(requestId: string, count: number): Promise<readonly Record<string, unknown>[]> {
	const found = () =>
		lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line["request_id"] === requestId);
	await until(() => found().length >= count);
	return found();
}

const get = (path: string, id: string) => send(`GET ${path}`, { headers: { "X-Request-Id": id } });

test("what goes wrong inside is a line with the error, and the request that failed is one with its route", async () => {
	expect((await get("/api/data/instruments/BTC-USD", "failed")).status).toBe(500);
	const [inside, outside] = await linesOf("failed", 2);
	expect(inside).toEqual({
		time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
		level: "error",
		node: "logs-1",
		service: expect.any(String),
		message: "Unexpected error in data.instrument",
		request_id: "failed",
		error: { name: "Error", message: "duplicate key", code: "23505", stack: expect.stringContaining("logs.test.ts") },
	});
	expect(outside).toMatchObject({
		level: "warn",
		service: "api",
		message: "Request failed",
		method: "GET",
		route: "/api/data/instruments/:symbol",
		status: 500,
		code: "INTERNAL_ERROR",
		duration_ms: expect.any(Number),
	});
});

test("a slow request is one line", async () => {
	expect((await get("/api/data/BTC-USD/trades", "slow")).status).toBe(200);
	expect(await linesOf("slow", 1)).toMatchObject([{ message: "Request was slow", status: 200 }]);
});

test("a healthy request is none, nor is one that a client has got wrong", async () => {
	expect((await get("/api/data/instruments", "healthy")).status).toBe(200);
	expect((await get("/api/data/BTC-USD/book", "not-found")).status).toBe(404);
	expect((await get("/api/data/instruments/BTC-USD", "after")).status).toBe(500);
	await linesOf("after", 2);
	expect(await linesOf("healthy", 0)).toEqual([]);
	expect(await linesOf("not-found", 0)).toEqual([]);
});

test("every line is JSON, and none tells what an error holds beside its message", () => {
	expect(lines.length).toBeGreaterThan(3);
	for (const line of lines) expect(() => void JSON.parse(line)).not.toThrow();
	expect(lines.join("\n")).not.toContain(SECRET);
});
