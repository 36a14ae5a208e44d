import { callersOf, items } from "../support/callers.ts";
import { join, logIn, type Member } from "../support/http-client.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { operator } from "../support/operators.ts";
import { startApi, type TestApi } from "../support/services.ts";
import { until } from "../support/until.ts";

let api: TestApi;
let ann: Member;
let bob: Member;
let admin: { readonly token: string };
beforeAll(async () => {
	api = await startApi();
	admin = await operator(api);
	[ann, bob] = await Promise.all([join(send, "ann"), join(send, "bob")]);
});
afterAll(() => api.stop());

const { send, as, balances, deposit } = callersOf(() => api);

test("users: made, got, listed and changed", async () => {
	const { body, headers } = await send("POST /api/users", {
		body: { username: "carol", email: "carol@example.com", password: "carol-carol" },
	});
	const { user_id, ...carol } = body;
	expect(headers.get("location")).toBe(`/api/users/${user_id}`);
	expect(carol).toEqual({
		username: "carol",
		email: "carol@example.com",
		status: "active",
		roles: ["trader"],
		created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
		updated_at: expect.any(String),
	});
	const login = await logIn(send, "carol", "carol-carol");
	expect((await as(login).get(`/api/users/${user_id}`)).body).toEqual(body);
	expect(await as(ann).get(`/api/users/${user_id}`)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
	expect(await as(login).put(`/api/users/${user_id}`, { email: "c@example.com" })).toMatchObject({
		status: 200,
		body: { email: "c@example.com" },
	});
	expect(await as(ann).get("/api/users")).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
	const page = await as(admin).get("/api/users?limit=2");
	expect([items(page).length, page.body["next_cursor"]]).toEqual([2, expect.any(String)]);
	expect(items(await as(admin).get(`/api/users?cursor=${String(page.body["next_cursor"])}`)).length).toBeGreaterThan(1);
});

test("deposits move money once per key", async () => {
	const request = { user_id: ann.user_id, asset: "USD", amount: "100000" };
	const [first, again] = [
		await as(admin).post("/api/trading/deposits", request, { "Idempotency-Key": "k1" }),
		await as(admin).post("/api/trading/deposits", request, { "Idempotency-Key": "k1" }),
	];
	expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toEqual([201, 201, "true"]);
	expect(again.body).toEqual(first.body);
	const other = { ...request, amount: "5" };
	expect(await as(admin).post("/api/trading/deposits", other, { "Idempotency-Key": "k1" })).toMatchObject({
		status: 422,
		body: { code: "IDEMPOTENCY_KEY_REUSED" },
	});
	expect(
		await as(ann).post("/api/trading/deposits", { asset: "USD", amount: "5" }, { "Idempotency-Key": "a" }),
	).toMatchObject({ status: 403, body: { code: "PAPER_DEPOSITS_DISABLED" } });
	expect(await balances(ann)).toEqual({ USD: "100000 (0 held)" });
});

test("withdrawing more than is available, fifty times at once, never goes below nothing", async () => {
	await deposit(admin, bob, "USD", "29970");
	const replies = await Promise.all(
		Array.from({ length: 50 }, (_, i) =>
			as(bob).post("/api/trading/withdrawals", { asset: "USD", amount: "10000" }, { "Idempotency-Key": `w${i}` }),
		),
	);
	expect(replies.filter(({ status }) => status === 201)).toHaveLength(2);
	expect(replies.filter(({ body }) => body["code"] === "INSUFFICIENT_FUNDS")).toHaveLength(48);
	expect(await balances(bob)).toMatchObject({ USD: "9970 (0 held)" });
});

test("instruments are listed with their rules", async () => {
	const listed = items(await send("GET /api/data/instruments"));
	expect(listed.map((instrument) => instrument["symbol"])).toEqual(
		expect.arrayContaining(["BTC-USD", "BTC-USDT", "ETH-USD"]),
	);
	expect((await send("GET /api/data/instruments/BTC-USD")).body).toEqual(
		listed.find(({ symbol }) => symbol === "BTC-USD"),
	);
	for (const path of ["instruments/XXX-USD", "XXX-USD/book", "XXX-USD/trades", "%00/book", "bad/trades"]) {
		expect(await send(`GET /api/data/${path}`)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
	}
	expect(await send("GET /api/data/BTC-USD/book?depth=0")).toMatchObject({ status: 422 });
});

test("limits are set by admins and bind at once", async () => {
	expect(await as(ann).put(`/api/risk/limits/${ann.user_id}`, { max_open_orders: 1 })).toMatchObject({ status: 403 });
	const order = { symbol: "BTC-USD", side: "buy", quantity: "0.5", price: "60100" };
	const limits = { max_order_notional: "1000", max_open_orders: 5 };
	expect(await as(admin).put(`/api/risk/limits/${ann.user_id}`, limits)).toMatchObject({ status: 200, body: limits });
	expect(await as(ann).get("/api/risk/limits")).toMatchObject({ status: 200, body: limits });
	expect(await as(ann).post("/api/orders", order)).toMatchObject({
		status: 422,
		body: { code: "MAX_ORDER_NOTIONAL", order_id: expect.any(String) },
	});
	const none = { max_order_notional: null, max_open_orders: null };
	expect(await as(admin).put(`/api/risk/limits/${ann.user_id}`, none)).toMatchObject({ status: 200 });
});

test("settings are read, set once per version, and remembered", async () => {
	const key = "/api/config/trading.paper_deposits";
	expect(items(await as(admin).get("/api/config")).length).toBeGreaterThanOrEqual(4);
	expect(await as(ann).get(key)).toMatchObject({ status: 403 });
	const { body } = await as(admin).get(key);
	const set = { value: true, expected_version: body["version"] };
	expect(await as(admin).put(key, set)).toMatchObject({ status: 200, body: { value: true } });
	expect(await as(admin).put(key, set)).toMatchObject({ status: 409, body: { code: "VERSION_CONFLICT" } });
	expect(await as(admin).put(key, { value: "yes", expected_version: 0 })).toMatchObject({ status: 422 });
	expect(items(await as(admin).get(`${key}/history`))).toMatchObject([{ value: true, version: 1 }]);
	expect(await as(admin).get("/api/config/no.such")).toMatchObject({ status: 404 });
	await until(
		async () =>
			(await as(ann).post("/api/trading/deposits", { asset: "ETH", amount: "1" }, { "Idempotency-Key": "own" }))
				.status === 201,
	);
});

test("the cluster is healthy and ready", async () => {
	expect((await send("GET /health")).body).toEqual({ service: "api", status: "ok", timestamp: expect.any(String) });
	expect(await send("GET /health/ready")).toMatchObject({ status: 200 });
	expect(await as(admin).get("/api/health")).toMatchObject({ status: 200, body: { status: "ok" } });
});

test("after all of it every invariant holds", async () => {
	expect((await verifiedInvariants()).length).toBeGreaterThanOrEqual(11);
});
