import { isDeepStrictEqual } from "node:util";
import type { AuditRecord } from "../../contracts/audit.ts";
import { auditDesk } from "../support/audit.ts";
import { type Caller, callersOf, items } from "../support/callers.ts";
import { join, type Member, type Reply } from "../support/http-client.ts";
import { testInOneProcess } from "../support/in-one-process.ts";
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
const ORDER = { symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "100" };

test("an order that is turned away is recorded with its code, under the request that placed it", async () => {
	const { status, body, id } = await asked("POST /api/orders", { ...ann, body: { ...ORDER, quantity: "5" } });
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
	await deposit(admin, ann, "USD", "100");
	const url = "http://127.0.0.1:9/";
	for (const [route, body] of [
		["POST /api/auth/api-keys", { name: "bot", scopes: ["read"] }],
		["POST /api/events/subscriptions", { url, types: ["orders.*"] }],
		["POST /api/notifications/webhooks", { url }],
		["POST /api/orders", ORDER],
		["POST /api/orders", ORDER],
		["POST /api/orders", { ...ORDER, side: "sell" }],
		["DELETE /api/orders", undefined],
	] as const)
		await send(route, { ...ann, body });
	const told = () =>
		api.dbs.events.query<{ event_id: string; data_hash: string }>(
			`SELECT event_id, encode(sha256(convert_to(data::text, 'UTF8')), 'hex') AS data_hash FROM events
		WHERE source <> 'audit' ORDER BY event_id`,
		);
	const recorded = () =>
		api.dbs.audit.query("SELECT event_id, data_hash FROM records WHERE data_hash IS NOT NULL ORDER BY event_id");
	await until(async () => (await told()).length > 20);
	await until(async () => isDeepStrictEqual(await recorded(), await told())).catch(async () =>
		expect(await recorded()).toEqual(await told()),
	);
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
		await Promise.all(Array.from({ length: 50 }, () => send("GET /api/users", ann)));
		await until(async () => (await find({ result: "FORBIDDEN" })).length >= 50);
		const seen: number[] = [];
		let cursor: string | null = "";
		for (let pages = 0; cursor !== null && pages < 5; pages++) {
			const page: Reply = await send(`GET /api/audit?limit=10${cursor && `&cursor=${cursor}`}`, auditor);
			seen.push(...items<AuditRecord>(page).map((record) => record.seq));
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
