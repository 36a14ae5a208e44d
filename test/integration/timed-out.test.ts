import { v7 as newId } from "uuid";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import type { SubmitOrder } from "../../contracts/trading.ts";
import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { submissionOf } from "../../services/orders/orders.drive.ts";
import { type OrderRow, recordOf } from "../../services/orders/orders.store.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
const ann = person("ann", "admin");
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	for (const asset of ["BTC", "USD"])
		await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, ann);
});
afterAll(() => node.stop());

const bid = { symbol: "BTC-USD", side: "buy", quantity: "1", price: "100" } as const satisfies PlaceOrder;
const oco = {
	symbol: "BTC-USD",
	side: "sell",
	quantity: "1",
	order_class: "oco",
	legs: [{ price: "110" }, { stop_price: "90" }],
} as const satisfies PlaceOrder;
const get = (orderId: string) => call(node.broker, "orders.get", { order_id: orderId }, ann);
const reportOf = (orderId: string) => call(node.broker, "trading.report", { order_id: orderId, after_seq: 0 });
const place = async (order: PlaceOrder) => (await call(node.broker, "orders.place", order, ann)).order;
async function replacement(): Promise<Order> {
	const { order_id } = await place({ ...bid, price: "99" });
	return (await call(node.broker, "orders.replace", { order_id, price: "98" }, ann)).order;
}
const familyOf = (order: Order) => [order, ...(order.legs ?? [])];
const statusesOf = (order: Order) => familyOf(order).map(({ status }) => status);

/** Nothing that trading has told of these orders comes to `orders` any more. */
async function toldAll(orderIds: readonly string[]): Promise<void> {
	const told = await node.dbs.trading.query<{ event_id: string }>(
		"SELECT event_id FROM outbox WHERE type = 'trading.execution_reported' AND data->>'order_id' = ANY($1::text[])",
		[orderIds],
	);
	expect(told.length).toBeGreaterThan(0);
	await until(async () => {
		const taken = await node.dbs.orders.query(
			`SELECT FROM inbox WHERE event_id = ANY($1::uuid[])
				AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.event_id = inbox.event_id)`,
			[told.map(({ event_id }) => event_id)],
		);
		return taken.length === told.length;
	});
}

/** As if trading had lost its answer, and what it tells had not come yet: for longer than an order may take. */
async function forget(order: Order): Promise<void> {
	const ids = familyOf(order).map(({ order_id }) => order_id);
	await toldAll(ids);
	await node.dbs.orders.query(
		`UPDATE orders SET status = 'pending', report_seq = 0, closed_at = NULL, created_at = now() - interval '1 hour'
		WHERE order_id = ANY($1::uuid[])`,
		[ids],
	);
}

test.each([
	["an order", () => place(bid), ["open"]],
	["an oco", () => place(oco), ["open", "open", "held"]],
	["a replacement", replacement, ["open"]],
])("%s that has been pending for too long, and is in the book, stays there", async (_what, placed, statuses) => {
	const order = await placed();
	expect(statusesOf(order)).toEqual(statuses);
	await forget(order);
	// What is known of two legs may come one after the other.
	await until(async () => !statusesOf(await get(order.order_id)).includes("pending"));
	expect(statusesOf(await get(order.order_id))).toEqual(statuses);
	await call(node.broker, "orders.cancel", { order_id: order.order_id }, ann);
	expect(statusesOf(await get(order.order_id))).toEqual(statuses.map(() => "canceled"));
});

test("an order that comes to trading just before it is given up stays there", async () => {
	const orderId = newId();
	const original = node.broker.call;
	const late = { raced: false };
	node.broker.call = async function race(this: unknown, ...args: Parameters<typeof original>) {
		const [action, params] = args as unknown as [string, { readonly order: SubmitOrder }];
		if (action === "trading.close" && params.order.order_id === orderId && !late.raced) {
			late.raced = true;
			await original.call(node.broker, "trading.submit", params.order);
		}
		return original.apply(node.broker, args);
	} as typeof original;
	try {
		await node.dbs.orders.query(
			`INSERT INTO orders (order_id, user_id, symbol, side, order_type, price, time_in_force, quantity, status,
				fee_asset, metadata, correlation_id, created_at)
			VALUES ($1, $2, 'BTC-USD', 'buy', 'limit', 97, 'gtc', 1, 'pending',
				'USD', '{}', 'late', now() - interval '1 hour')`,
			[orderId, ann.id],
		);
		await until(async () => (await get(orderId)).status !== "pending");
	} finally {
		node.broker.call = original;
	}
	expect(late.raced).toBe(true);
	expect(await get(orderId)).toMatchObject({ status: "open" });
	expect(await reportOf(orderId)).toMatchObject({ status: "open" });
	await call(node.broker, "orders.cancel", { order_id: orderId }, ann);
});

/** An oco that has not come to trading, from an hour ago: unseen by the sweeper until the end of `before`. */
async function leaveOco(before: (legs: ReturnType<typeof recordOf>[]) => unknown = () => undefined) {
	const [parent, limit, stop] = [newId(), newId(), newId()];
	const legs = await node.dbs.orders.transaction(async (tx) => {
		const rows = await tx.query<OrderRow>(
			`INSERT INTO orders (order_id, parent_id, order_class, user_id, symbol, side, order_type, price, stop_price,
				time_in_force, quantity, status, fee_asset, metadata, correlation_id, created_at)
			SELECT order_id, parent_id, 'oco', $1, 'BTC-USD', 'sell', order_type, price, stop_price,
				'gtc', 1, 'pending', 'USD', '{}', 'left', now() - interval '1 hour'
			FROM (VALUES ($2::uuid, NULL, 'limit', 110, NULL), ($3, $2::uuid, 'limit', 110, NULL),
				($4, $2::uuid, 'stop', NULL, 90)) AS left_behind (order_id, parent_id, order_type, price, stop_price)
			RETURNING *`,
			[ann.id, parent, limit, stop],
		);
		const kept = rows.map(recordOf).filter((order) => order.parent_id !== null);
		await before(kept);
		return kept;
	});
	return { parent, legs };
}

test("an oco that trading never had expires, and is refused when it comes after all", async () => {
	const { parent, legs } = await leaveOco();
	await until(async () => (await get(parent)).status !== "pending");
	expect(statusesOf(await get(parent))).toEqual(["expired", "expired", "expired"]);
	const [limit, stop] = legs.map(submissionOf);
	if (!limit || !stop) throw new Error("an oco has two legs");
	const late = await call(node.broker, "trading.submitPair", { limit, stop });
	expect(late.map(({ status }) => status)).toEqual(["expired", "expired"]);
});

test("an oco of which one leg alone was ended on its way ends with the other", async () => {
	const { parent, legs } = await leaveOco(async ([limit]) => {
		if (!limit) throw new Error("an oco has two legs");
		await call(node.broker, "trading.close", { order: submissionOf(limit), status: "canceled" });
	});
	await until(async () => (await get(parent)).status !== "pending");
	expect(statusesOf(await get(parent))).toEqual(["expired", "canceled", "expired"]);
	for (const { order_id } of legs) expect(await reportOf(order_id)).toMatchObject({ filled_quantity: "0" });
});
