import { v7 as newId } from "uuid";
import type { PlaceOrder } from "../../contracts/orders.ts";
import { call } from "../../lib/service.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "data", "users", "risk", "trading", "orders"]);
});
afterAll(() => node.stop());

type Person = ReturnType<typeof person>;

async function rich(username: string): Promise<Person> {
	const somebody = person(username, "admin");
	for (const asset of ["BTC", "ETH", "USD"])
		await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, somebody);
	return somebody;
}

const bid = (over: Partial<PlaceOrder> = {}): PlaceOrder => ({
	symbol: "BTC-USD",
	side: "buy",
	quantity: "1",
	price: "100",
	...over,
});
const place = (owner: Person, order: PlaceOrder) => call(node.broker, "orders.place", order, owner);
const get = (owner: Person, orderId: string) => call(node.broker, "orders.get", { order_id: orderId }, owner);
const toldOf = (orderId: string) =>
	node.dbs.orders.query<{ type: string; aggregate_seq: string }>(
		"SELECT type, aggregate_seq FROM outbox WHERE aggregate_id = $1 ORDER BY aggregate_seq",
		[orderId],
	);

test("an order rests, is crossed, and both are filled; their events tell it without a gap", async () => {
	const [ann, bob] = [await rich("ann"), await rich("bob")];
	const { order: resting } = await place(ann, bid());
	expect(resting).toMatchObject({ status: "open", remaining_quantity: "1", fee_asset: "USD", version: 2 });
	const { order: crossing } = await place(bob, bid({ side: "sell", price: "90" }));
	expect(crossing).toMatchObject({ status: "filled", filled_quantity: "1", average_price: "100", fee: "0.2" });

	await until(async () => (await get(ann, resting.order_id)).status === "filled");
	expect(await get(ann, resting.order_id)).toMatchObject({
		average_price: "100",
		fee: "0.1",
		closed_at: expect.any(String),
	});
	expect(await toldOf(resting.order_id)).toEqual([
		{ type: "orders.created", aggregate_seq: "1" },
		{ type: "orders.status_updated", aggregate_seq: "2" },
		{ type: "orders.executed", aggregate_seq: "3" },
		{ type: "orders.status_updated", aggregate_seq: "4" },
	]);
});

test("the same order posted 50 times at once under one client_order_id is one order", async () => {
	const ann = await rich("ann");
	const same = bid({ price: "1", client_order_id: "mine" });
	const placements = await Promise.all(Array.from({ length: 50 }, () => place(ann, same)));
	expect(new Set(placements.map(({ order }) => order.order_id)).size).toBe(1);
	expect(placements.filter(({ replayed }) => !replayed)).toHaveLength(1);
	expect(placements.every(({ order }) => order.status === "open")).toBe(true);
	expect((await call(node.broker, "orders.list", {}, ann)).items).toHaveLength(1);

	await expect(place(ann, { ...same, quantity: "2" })).rejects.toMatchObject({
		code: 409,
		type: "CLIENT_ORDER_ID_REUSED",
	});
	expect((await place(await rich("bob"), same)).replayed).toBe(false);
});

test.each([
	["beyond the user's means", bid({ quantity: "1000", price: "100000", symbol: "ETH-USD" }), "MAX_ORDER_NOTIONAL"],
	["for more than is available", bid({ quantity: "99", price: "100000" }), "INSUFFICIENT_FUNDS"],
	["a market order on an empty book", { symbol: "ETH-USD", side: "buy", quantity: "1" } as const, "NO_LIQUIDITY"],
])("an order %s is rejected and holds nothing", async (_what, request, code) => {
	const ann = await rich("ann");
	const { order } = await place(ann, request);
	expect(order).toMatchObject({ status: "rejected", reject_code: code });
	const balances = await call(node.broker, "trading.balances", undefined, ann);
	expect(balances.every(({ balance, available }) => balance === "1000000" && available === balance)).toBe(true);
	expect(await call(node.broker, "orders.validate", request, ann)).toMatchObject({ allowed: false, code });
});

test("a dry run keeps nothing", async () => {
	const ann = await rich("ann");
	expect(await call(node.broker, "orders.validate", bid(), ann)).toEqual({
		allowed: true,
		code: null,
		limit: null,
		observed: null,
	});
	expect((await call(node.broker, "orders.list", {}, ann)).items).toEqual([]);
});

test.each([
	[{ symbol: "NOPE-USD" }, "/symbol", "UNKNOWN_SYMBOL"],
	[{ quantity: "0" }, "/quantity", "NOT_POSITIVE"],
	[{ price: "100.001" }, "/price", "TICK_SIZE"],
])("a request with %p is refused and not kept", async (over, pointer, code) => {
	const ann = await rich("ann");
	await expect(place(ann, bid(over))).rejects.toMatchObject({
		code: 422,
		type: "VALIDATION_FAILED",
		data: { errors: [expect.objectContaining({ pointer, code })] },
	});
	expect((await call(node.broker, "orders.list", {}, ann)).items).toEqual([]);
});

test("a user has as many open orders as the limit allows, however many arrive at once", async () => {
	const ann = await rich("ann");
	const placements = await Promise.all(
		Array.from({ length: 120 }, () => place(ann, bid({ price: "1", quantity: "1" }))),
	);
	const statuses = placements.map(({ order }) => order.status);
	expect(statuses.filter((status) => status === "open")).toHaveLength(100);
	expect(placements.filter(({ order }) => order.reject_code === "MAX_OPEN_ORDERS")).toHaveLength(20);

	const results = await call(node.broker, "orders.cancelAll", { symbol: "BTC-USD" }, ann);
	expect(results).toHaveLength(100);
	expect(results.every((result) => result.order?.status === "canceled")).toBe(true);
	expect((await place(ann, bid({ price: "1" }))).order.status).toBe("open");
});

test("an order that sweeps through 600 makers ends filled, and every fill is told", async () => {
	const ann = await rich("ann");
	const sellers = await Promise.all(Array.from({ length: 6 }, (_, i) => rich(`seller${i}`)));
	const ask = { symbol: "ETH-USD", side: "sell", quantity: "0.1", price: "50" } as const;
	await Promise.all(sellers.flatMap((seller) => Array.from({ length: 100 }, () => place(seller, ask))));
	const { order } = await place(ann, { ...ask, side: "buy", quantity: "60" });
	expect(order).toMatchObject({ status: "filled", filled_quantity: "60", average_price: "50" });
	const [{ fills } = { fills: "0" }] = await node.dbs.orders.query<{ fills: string }>(
		`SELECT sum(json_array_length(data->'fills')) AS fills FROM outbox
		WHERE aggregate_id = $1 AND type = 'orders.executed'`,
		[order.order_id],
	);
	expect(fills).toBe("600");
});

test("an order is canceled once, by its owner alone", async () => {
	const [ann, bob] = [await rich("ann"), person("bob")];
	const { order } = await place(ann, bid({ price: "1" }));
	for (const action of ["orders.get", "orders.cancel"] as const)
		await expect(call(node.broker, action, { order_id: order.order_id }, bob)).rejects.toMatchObject({
			code: 404,
			type: "NOT_FOUND",
		});
	expect(await call(node.broker, "orders.cancel", { order_id: order.order_id }, ann)).toMatchObject({
		status: "canceled",
	});
	await expect(call(node.broker, "orders.cancel", { order_id: order.order_id }, ann)).rejects.toMatchObject({
		code: 409,
		type: "ILLEGAL_TRANSITION",
	});
});

test("the owner may only cancel by status; an admin may let an order expire; nobody may fill it by hand", async () => {
	const [ann, admin] = [await rich("ann"), person("root", "admin")];
	const trader: Person = {
		id: ann.id,
		meta: { user: { ...(ann.meta.user as NonNullable<typeof ann.meta.user>), roles: ["trader"] } },
	};
	const { order_id } = (await place(ann, bid({ price: "1" }))).order;
	const set = (who: Person, status: "filled" | "expired" | "canceled") =>
		call(node.broker, "orders.setStatus", { order_id, status }, who);
	await expect(set(trader, "expired")).rejects.toMatchObject({ code: 403 });
	await expect(set(admin, "filled")).rejects.toMatchObject({ code: 409, type: "ILLEGAL_TRANSITION" });
	expect(await set(admin, "expired")).toMatchObject({ status: "expired" });
});

test("orders are listed newest first, page by page", async () => {
	const ann = await rich("ann");
	const placed: string[] = [];
	for (let i = 0; i < 5; i++) placed.unshift((await place(ann, bid({ price: "1" }))).order.order_id);
	const listed: string[] = [];
	for (let cursor: string | null = null, pages = 0; pages < 3; pages++) {
		const page: { items: readonly { order_id: string }[]; next_cursor: string | null } = await call(
			node.broker,
			"orders.list",
			{ limit: 2, status: "open", ...(cursor && { cursor }) },
			ann,
		);
		listed.push(...page.items.map((order) => order.order_id));
		cursor = page.next_cursor;
	}
	expect(listed).toEqual(placed);
	await expect(call(node.broker, "orders.list", { cursor: "bm9wZQ" }, ann)).rejects.toMatchObject({ code: 422 });
});

test("an order that was left pending is driven to its end, or expires when its time is over", async () => {
	const ann = await rich("ann");
	const leave = async (age: string) => {
		const orderId = newId();
		await node.dbs.orders.query(
			`INSERT INTO orders (order_id, user_id, symbol, side, order_type, time_in_force, quantity, price, status,
				fee_asset, metadata, correlation_id, created_at)
			VALUES ($1, $2, 'BTC-USD', 'buy', 'limit', 'gtc', 1, 1, 'pending', 'USD', '{}', 'left', now() - $3::interval)`,
			[orderId, ann.id, age],
		);
		return orderId;
	};
	const [young, old] = [await leave("10 seconds"), await leave("1 minute")];
	await until(async () => (await get(ann, young)).status === "open" && (await get(ann, old)).status === "expired");
	expect(await call(node.broker, "trading.report", { order_id: old, after_seq: 0 })).toMatchObject({
		status: "expired",
		filled_quantity: "0",
	});
});
