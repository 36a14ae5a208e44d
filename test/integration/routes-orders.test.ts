import type { Envelope } from "../../contracts/events.ts";
import { callersOf, items } from "../support/callers.ts";
import { join, type Member, type Reply } from "../support/http-client.ts";
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
	await deposit(admin, ann, "USD", "100000");
	await deposit(admin, bob, "BTC", "1");
});
afterAll(() => api.stop());

const { send, as, balances, deposit } = callersOf(() => api);
const text = ({ body }: Reply, field: string) => String(body[field]);

const sell = { symbol: "BTC-USD", side: "sell", quantity: "0.5", price: "60000" };
const buy = { symbol: "BTC-USD", side: "buy", quantity: "0.5", price: "60100" };

test("an order that rests meets one that crosses: both filled, money exact to the last digit", async () => {
	const resting = await as(bob).post("/api/orders", { ...sell, client_order_id: "bob-1" });
	expect(resting).toMatchObject({ status: 201, body: { status: "open", remaining_quantity: "0.5", version: 2 } });
	expect(await balances(bob)).toEqual({ BTC: "1 (0.5 held)" });
	expect((await send("GET /api/data/BTC-USD/book")).body).toMatchObject({ bids: [], asks: [["60000", "0.5"]] });

	const crossing = await send("POST /api/trading/orders", {
		...ann,
		body: buy,
		headers: { "X-Request-Id": "crossing" },
	});
	expect(crossing.status).toBe(201);
	const execution = {
		order_id: expect.any(String),
		status: "filled",
		timestamp: expect.any(String),
		filled_quantity: "0.5",
		average_price: "60000",
		fills: [
			expect.objectContaining({ price: "60000", quantity: "0.5", fee: "60", fee_asset: "USD", liquidity: "taker" }),
		],
	};
	expect(crossing.body).toEqual(execution);
	expect((await as(ann).get(`/api/trading/orders/${text(crossing, "order_id")}`)).body).toEqual(execution);

	await until(async () => (await as(bob).get(`/api/orders/${text(resting, "order_id")}`)).body["status"] === "filled");
	expect(await as(bob).get("/api/orders/by-client-id/bob-1")).toMatchObject({
		body: {
			order_id: resting.body["order_id"],
			filled_quantity: "0.5",
			remaining_quantity: "0",
			fee: "30",
			average_price: "60000",
		},
	});
	expect(await balances(ann)).toEqual({ BTC: "0.5 (0 held)", USD: "69940 (0 held)" });
	expect(await balances(bob)).toEqual({ BTC: "0.5 (0 held)", USD: "29970 (0 held)" });
	expect(items(await as(bob).get("/api/trading/fills"))).toMatchObject([
		{ liquidity: "maker", fee: "30", side: "sell" },
	]);
	expect(items(await as(bob).get("/api/trading/positions"))).toMatchObject([
		{ symbol: "BTC-USD", quantity: "-0.5", average_price: "60000", unrealized_profit: "0", fees: "30" },
	]);
	expect((await as(ann).get("/api/trading/account")).body).toMatchObject({ asset: "USD", equity: "99940" });
	const ledger = items(await as(ann).get("/api/trading/ledger?asset=USD"));
	expect(ledger.map((line) => [line["kind"], line["amount"]]).toSorted()).toEqual([
		["deposit", "100000"],
		["fee", "-60"],
		["trade", "-30000"],
	]);
	await until(async () => items(await send("GET /api/data/BTC-USD/trades")).length === 1);
	expect(items(await send("GET /api/data/BTC-USD/trades"))).toMatchObject([
		{ trade_seq: 1, price: "60000", quantity: "0.5", taker_side: "buy" },
	]);
});

test("the history tells it all: created to executed, counted without a gap, under the request's id", async () => {
	const [order] = items(await as(ann).get("/api/orders"));
	const history = async () => {
		const reply = await as(admin).get(`/api/events?aggregate_id=${order?.["order_id"]}`);
		return items<Envelope>(reply);
	};
	await until(async () => (await history()).some((event) => event.type === "orders.executed"));
	const told = await history();
	expect(told.map((event) => event.aggregate_seq)).toEqual(told.map((_, i) => i + 1));
	expect(told[0]).toMatchObject({ type: "orders.created", source: "orders", correlation_id: "crossing" });
	expect(told.map((event) => event.type)).toContain("orders.executed");
	expect(await as(ann).get("/api/events")).toMatchObject({ status: 403 });
});

test("an order is canceled by its owner, one or all, and nothing stays held", async () => {
	const place = (price: string) => as(ann).post("/api/orders", { ...buy, quantity: "0.1", price });
	const orders = [];
	for (const price of ["50000", "50001", "50002", "50003"]) orders.push(await place(price));
	const [first, second] = orders.map((reply) => text(reply, "order_id"));
	expect(await as(ann).delete(`/api/orders/${first}`)).toMatchObject({ status: 200, body: { status: "canceled" } });
	expect(await as(ann).delete(`/api/orders/${first}`)).toMatchObject({
		status: 409,
		body: { code: "ILLEGAL_TRANSITION" },
	});
	expect(await as(ann).put(`/api/orders/${second}/status`, { status: "filled" })).toMatchObject({ status: 403 });
	expect(await as(ann).put(`/api/orders/${second}/status`, { status: "canceled" })).toMatchObject({
		status: 200,
		body: { status: "canceled", closed_at: expect.any(String) },
	});
	const all = await as(ann).delete("/api/orders?symbol=BTC-USD");
	expect([all.status, items(all).length]).toEqual([207, 2]);
	expect(await balances(ann)).toEqual({ BTC: "0.5 (0 held)", USD: "69940 (0 held)" });
	const canceled = await as(ann).get("/api/orders?status=canceled&limit=3");
	expect([items(canceled).length, canceled.body["next_cursor"]]).toEqual([3, expect.any(String)]);
});

test("an order is replaced by another one, which takes its place", async () => {
	const resting = await as(ann).post("/api/orders", { ...buy, quantity: "0.2", price: "50000" });
	const path = `/api/orders/${text(resting, "order_id")}`;
	const replaced = await as(ann).patch(path, { quantity: "0.1" });
	expect(replaced).toMatchObject({
		status: 200,
		body: { status: "open", quantity: "0.1", price: "50000", replaces: resting.body["order_id"] },
	});
	expect(await as(ann).get(path)).toMatchObject({
		body: { status: "replaced", replaced_by: replaced.body["order_id"] },
	});
	expect(await as(ann).patch(path, { price: "1" })).toMatchObject({
		status: 409,
		body: { code: "ILLEGAL_TRANSITION" },
	});
	const next = `/api/orders/${text(replaced, "order_id")}`;
	for (const [body, code] of [
		[{}, "VALIDATION_FAILED"],
		[{ quantity: "0" }, "VALIDATION_FAILED"],
		[{ price: "1.001" }, "VALIDATION_FAILED"],
		[{ side: "sell" }, "UNKNOWN_FIELD"],
	] as const)
		expect(await as(ann).patch(next, body)).toMatchObject({ status: 422, body: { code } });
	expect(await as(ann).patch(next, { quantity: "100" })).toMatchObject({
		status: 403,
		body: { code: "INSUFFICIENT_FUNDS" },
	});
	expect(await as(bob).patch(next, { price: "1" })).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
	expect(await as(ann).delete(next)).toMatchObject({ body: { status: "canceled" } });
	expect(await balances(ann)).toEqual({ BTC: "0.5 (0 held)", USD: "69940 (0 held)" });
});

test("one client_order_id fifty times at once is one order", async () => {
	const request = { ...buy, quantity: "0.01", price: "40000", client_order_id: "once" };
	const replies = await Promise.all(Array.from({ length: 50 }, () => as(ann).post("/api/orders", request)));
	expect(new Set(replies.map((reply) => text(reply, "order_id"))).size).toBe(1);
	expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([201]));
	expect(replies.filter((reply) => reply.headers.get("idempotency-replayed") === "true")).toHaveLength(49);
	expect(await as(ann).post("/api/orders", { ...request, price: "40001" })).toMatchObject({
		status: 409,
		body: { code: "CLIENT_ORDER_ID_REUSED" },
	});
	await as(ann).delete("/api/orders");
});

test("a rehearsal decides and keeps nothing", async () => {
	const before = items(await as(ann).get("/api/orders")).length;
	expect(await as(ann).post("/api/orders/validate", buy)).toMatchObject({ status: 200, body: { allowed: true } });
	expect(await as(ann).post("/api/orders/validate", { ...buy, quantity: "100" })).toMatchObject({
		status: 200,
		body: { allowed: false, code: "INSUFFICIENT_FUNDS" },
	});
	expect(items(await as(ann).get("/api/orders"))).toHaveLength(before);
});

test.each([
	["no quantity", { quantity: undefined }, 422, "VALIDATION_FAILED"],
	["a number for a quantity", { quantity: 1 }, 422, "VALIDATION_FAILED"],
	["a quantity of 0", { quantity: "0" }, 422, "VALIDATION_FAILED"],
	["a negative quantity", { quantity: "-1" }, 422, "VALIDATION_FAILED"],
	["an exponent", { quantity: "1e3" }, 422, "VALIDATION_FAILED"],
	["full-width digits", { quantity: "１" }, 422, "VALIDATION_FAILED"],
	["a price finer than the tick", { price: "1.001" }, 422, "VALIDATION_FAILED"],
	["an unknown symbol", { symbol: "XXX-USD" }, 422, "VALIDATION_FAILED"],
	["a Cyrillic symbol", { symbol: "ВТС-USD" }, 422, "VALIDATION_FAILED"],
	["a NUL in the symbol", { symbol: "BTC-USD\0" }, 422, "VALIDATION_FAILED"],
	["SQL for a symbol", { symbol: "'; DROP TABLE orders; --" }, 422, "VALIDATION_FAILED"],
	["a side that there is not", { side: "hold" }, 422, "VALIDATION_FAILED"],
	["a list for a side", { side: ["buy"] }, 422, "VALIDATION_FAILED"],
	["somebody else's id", { user_id: "x" }, 422, "UNKNOWN_FIELD"],
	["more than there is", { quantity: "2", price: "60000" }, 403, "INSUFFICIENT_FUNDS"],
])("an order with %s is refused, and nothing is held", async (_what, over, status, code) => {
	for (const path of ["/api/orders", "/api/trading/orders"]) {
		expect(await as(ann).post(path, { ...buy, ...over })).toMatchObject({ status, body: { status, code } });
	}
	expect(await balances(ann)).toEqual({ BTC: "0.5 (0 held)", USD: "69940 (0 held)" });
});

test("an oco and a bracket: placed with their legs, shown with them, and one leg cancels the other", async () => {
	const [seller, buyer] = [await join(send, "seller"), await join(send, "buyer")];
	await Promise.all([deposit(admin, seller, "BTC", "0.5"), deposit(admin, buyer, "USD", "100000")]);
	const legs = [{ price: "70000" }, { order_type: "stop_limit", stop_price: "50000", price: "49000" }];
	const request = {
		symbol: "BTC-USD",
		side: "sell",
		quantity: "0.5",
		order_class: "oco",
		legs,
		client_order_id: "oco",
	};
	const placed = await as(seller).post("/api/orders", request);
	expect(placed).toMatchObject({
		status: 201,
		body: {
			order_class: "oco",
			status: "open",
			legs: [
				{ order_type: "limit", status: "open", parent_id: placed.body["order_id"] },
				{ order_type: "stop_limit", status: "held", parent_id: placed.body["order_id"] },
			],
		},
	});
	const again = await as(seller).post("/api/orders", request);
	expect([again.headers.get("idempotency-replayed"), again.body]).toEqual(["true", placed.body]);
	expect(items(await as(seller).get("/api/orders"))).toHaveLength(3);
	expect(await balances(seller)).toMatchObject({ BTC: "0.5 (0.5 held)" });

	const { client_order_id: _, ...bracket } = { ...request, side: "buy", price: "70000", order_class: "bracket" };
	const entry = await as(buyer).post("/api/orders", {
		...bracket,
		legs: [{ price: "80000" }, { trail_percent: "5" }],
	});
	expect(entry).toMatchObject({
		status: 201,
		body: { status: "filled", legs: [{ status: "open" }, { status: "held" }] },
	});
	const path = `/api/orders/${text(placed, "order_id")}`;
	await until(async () => (await as(seller).get(path)).body["status"] === "filled");
	expect(await as(seller).get(path)).toMatchObject({
		body: { filled_quantity: "0.5", average_price: "70000", legs: [{ status: "filled" }, { status: "canceled" }] },
	});
	expect(await as(seller).get(`/api/trading/orders/${text(placed, "order_id")}`)).toMatchObject({
		body: { filled_quantity: "0.5", fills: [{ price: "70000", quantity: "0.5" }] },
	});
	expect(await as(buyer).delete("/api/orders")).toMatchObject({ status: 207 });
	expect(await balances(buyer)).toMatchObject({ BTC: "0.5 (0 held)" });

	for (const [over, code, pointer] of [
		[{ legs: [legs[0], { ...legs[1], side: "buy" }] }, "UNKNOWN_FIELD", "/legs/1/side"],
		[{ legs: [legs[0], { ...legs[1], price: 49000 }] }, "VALIDATION_FAILED", "/legs/1/price"],
		[{ legs: [{ price: "70000.001" }, legs[1]] }, "VALIDATION_FAILED", "/legs/0/price"],
		[{ legs: [{ price: "40000" }, legs[1]] }, "VALIDATION_FAILED", "/legs/0/price"],
		[{ legs: [legs[0]] }, "VALIDATION_FAILED", "/legs"],
		[{ legs: [legs[0], legs[1], legs[1]] }, "VALIDATION_FAILED", "/legs"],
		[{ order_class: "otoco" }, "VALIDATION_FAILED", "/order_class"],
		[{ order_class: "simple" }, "VALIDATION_FAILED", "/legs"],
	] as const)
		expect(await as(seller).post("/api/orders", { ...request, ...over, client_order_id: "wrong" })).toMatchObject({
			status: 422,
			body: { code, errors: [expect.objectContaining({ pointer })] },
		});
	expect(await as(seller).post("/api/orders", { ...request, quantity: "0.4" })).toMatchObject({
		status: 409,
		body: { code: "CLIENT_ORDER_ID_REUSED" },
	});
});

test("another user's order is not there, whatever is asked of it", async () => {
	const mine = await as(bob).post("/api/orders", { ...sell, quantity: "0.1", price: "90000", client_order_id: "mine" });
	const id = text(mine, "order_id");
	for (const asked of [
		as(ann).get(`/api/orders/${id}`),
		as(ann).get(`/api/trading/orders/${id}`),
		as(ann).get("/api/orders/by-client-id/mine"),
		as(ann).delete(`/api/orders/${id}`),
		as(ann).put(`/api/orders/${id}/status`, { status: "canceled" }),
		as(ann).get("/api/orders/not-an-id"),
	]) {
		expect(await asked).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
	}
	expect(items(await as(ann).get(`/api/trading/fills?order_id=${id}`))).toEqual([]);
	expect(await as(bob).delete(`/api/orders/${id}`)).toMatchObject({ body: { status: "canceled" } });
});

test("after all of it every invariant holds", async () => {
	expect((await verifiedInvariants()).length).toBeGreaterThanOrEqual(11);
});
