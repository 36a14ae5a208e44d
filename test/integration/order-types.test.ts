import { call } from "../../lib/service.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { type Asked, deskOf, type Person, takeOver } from "../support/desk.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
let ann: Person;
let bob: Person;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	[ann, bob] = await Promise.all([rich("ann"), rich("bob")]);
});
afterAll(() => node.stop());
/** Each test begins with an empty book. */
afterEach(() => clear(ann, bob));

const desk = deskOf(() => node.broker);
const { rich, place, get, clear, becomes, heldBy } = desk;
/** Makes `price` the last price. */
const tradeAt = (price: string, symbol?: string) => desk.trade(ann, bob, price, symbol);

test("a stop waits, holds its cost, and is executed when its price is reached", async () => {
	await tradeAt("100");
	const stop = await place(ann, { order_type: "stop", quantity: "1", stop_price: "110" });
	expect(stop).toMatchObject({ status: "held", stop_price: "110", price: null, remaining_quantity: "1" });
	expect(await heldBy(ann, "USD")).toBe("110.22");
	const limit = await place(ann, { order_type: "stop_limit", quantity: "1", stop_price: "110", price: "111" });
	await place(bob, { side: "sell", quantity: "1", price: "112" });
	await tradeAt("109.99");
	expect((await get(ann, stop)).status).toBe("held");
	await tradeAt("110");
	await becomes(ann, stop, "filled");
	await becomes(ann, limit, "open");
	expect(await get(ann, stop)).toMatchObject({ average_price: "112" });
	expect(await heldBy(ann, "USD")).toBe("111.222");
	await place(bob, { side: "sell", quantity: "1", price: "111" });
	await becomes(ann, limit, "filled");
});

test("stops, trailing stops and icebergs outlive the node that kept them", async () => {
	const symbol = "ETH-USD";
	await tradeAt("100", symbol);
	const trailing = await place(ann, {
		symbol,
		side: "sell",
		order_type: "trailing_stop",
		quantity: "1",
		trail_percent: "10",
	});
	const iceberg = await place(ann, { symbol, side: "sell", quantity: "3", price: "150", display_quantity: "1" });
	await tradeAt("120", symbol);
	await place(bob, { symbol, quantity: "0.4", price: "150" });
	await takeOver(node.dbs.trading, symbol);
	expect((await call(node.broker, "trading.depth", { symbol })).asks).toEqual([["150", "0.6"]]);
	const bid = await place(bob, { symbol, quantity: "5", price: "60" });
	// The price has been at 150 since, so the stop stands at 135.
	await tradeAt("136", symbol);
	expect((await get(ann, trailing)).status).toBe("held");
	// As it is kept from time to time, so that a rebuild need not read all trades since the stop came.
	await node.dbs.trading.query(
		`UPDATE orders SET extreme_ticks = 15000, since_trade_seq = (SELECT max(trade_seq) FROM trades WHERE symbol = $2)
		WHERE order_id = $1`,
		[trailing.order_id, symbol],
	);
	await takeOver(node.dbs.trading, symbol);
	await tradeAt("135", symbol);
	await becomes(ann, trailing, "filled");
	expect(await get(ann, trailing)).toMatchObject({ average_price: "60" });
	expect(await get(ann, iceberg)).toMatchObject({ status: "partially_filled", filled_quantity: "0.4" });
	await becomes(bob, bid, "partially_filled");
});

test("the book shows a slice of an iceberg, and the next one behind the others", async () => {
	const iceberg = await place(ann, { side: "sell", quantity: "10", price: "200", display_quantity: "1" });
	const other = await place(ann, { side: "sell", quantity: "1", price: "200" });
	expect((await call(node.broker, "trading.depth", { symbol: "BTC-USD" })).asks).toEqual([["200", "2"]]);
	await place(bob, { quantity: "2", price: "200" });
	await becomes(ann, other, "filled");
	await becomes(ann, iceberg, "partially_filled");
	expect((await call(node.broker, "trading.depth", { symbol: "BTC-USD" })).asks).toEqual([["200", "1"]]);
});

test("what open orders could trade counts stops at their stop", async () => {
	await tradeAt("100");
	await place(ann, { order_type: "stop", quantity: "2", stop_price: "110" });
	await place(ann, { quantity: "1", price: "90" });
	await place(ann, { side: "sell", order_type: "trailing_stop", quantity: "1", trail_amount: "5" });
	const exposure = () => call(node.broker, "orders.openExposure", { user_id: ann.id });
	// That her order has been filled comes to `orders` by an event.
	await until(async () => (await exposure())[0]?.open_orders === 3);
	expect(await exposure()).toEqual([
		{ symbol: "BTC-USD", open_orders: 3, open_buy_notional: "310", open_sell_notional: "0" },
	]);
});

test("an order ends when its time is over: a day with the day, another as it says", async () => {
	const day = await place(ann, { quantity: "1", price: "50", time_in_force: "day" });
	expect(day.expires_at).toMatch(/T00:00:00.000Z$/);
	expect(Date.parse(day.expires_at as string) - Date.now()).toBeLessThanOrEqual(86_400_000);
	const soon = new Date(Date.now() + 1_500).toISOString();
	const gtd = await place(ann, { quantity: "1", price: "50", time_in_force: "gtd", expires_at: soon });
	expect(gtd).toMatchObject({ status: "open", expires_at: soon });
	await becomes(ann, gtd, "expired");
	// The same request again, after its time, has the same answer.
	const again = { quantity: "1", price: "50", time_in_force: "gtd", client_order_id: "gtd" } as const;
	const request = {
		symbol: "BTC-USD",
		side: "buy",
		...again,
		expires_at: new Date(Date.now() + 1_000).toISOString(),
	} as const;
	const { order } = await call(node.broker, "orders.place", request, ann);
	await becomes(ann, order, "expired");
	expect(await call(node.broker, "orders.place", request, ann)).toMatchObject({
		replayed: true,
		order: { order_id: order.order_id, status: "expired" },
	});
	await expect(place(ann, { ...request, quantity: "2" })).rejects.toMatchObject({ type: "CLIENT_ORDER_ID_REUSED" });
	await expect(place(ann, { ...request, client_order_id: "new" })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
	expect((await get(ann, day)).status).toBe("open");
	expect(await heldBy(ann, "USD")).toBe("50.1");
});

test("a market buy by notional spends it and no more, once per client_order_id", async () => {
	await place(ann, { side: "sell", quantity: "1", price: "333.33" });
	const asked = { order_type: "market", notional: "100", client_order_id: "hundred" } as const;
	const [order, again] = [await place(bob, asked), await place(bob, asked)];
	expect(order).toMatchObject({
		status: "filled",
		notional: "100",
		remaining_quantity: "0",
		quantity: order.filled_quantity,
	});
	expect(again.order_id).toBe(order.order_id);
	const [{ cost } = { cost: "0" }] = await node.dbs.orders.query<{ cost: string }>(
		"SELECT filled_notional + fee AS cost FROM orders WHERE order_id = $1",
		[order.order_id],
	);
	expect(Number(cost)).toBeLessThanOrEqual(100);
	expect(Number(cost)).toBeGreaterThan(99.99999);
	await expect(place(bob, { ...asked, notional: "101" })).rejects.toMatchObject({ type: "CLIENT_ORDER_ID_REUSED" });
});

test.each([
	["post_only", { post_only: true }, "rejected", "POST_ONLY_WOULD_TAKE"],
	["fill-or-kill for more than there is", { time_in_force: "fok", quantity: "2" }, "expired", null],
	["reduce_only", { reduce_only: true }, "rejected", "REDUCE_ONLY"],
] as const)("a buy that would take is, as %s, not executed", async (_what, over, status, reject_code) => {
	await place(ann, { side: "sell", quantity: "1", price: "100" });
	expect(await place(bob, { quantity: "1", price: "100", ...over })).toMatchObject({
		status,
		reject_code,
		filled_quantity: "0",
	});
	expect(await heldBy(bob, "USD")).toBe("0");
});

test("a user who asks for it trades with himself, and sees both fills, page by page", async () => {
	const self = await rich("self");
	await place(self, { side: "sell", quantity: "1", price: "100" });
	expect(await place(self, { quantity: "1", price: "100", self_trade_prevention: "none" })).toMatchObject({
		status: "filled",
	});
	const liquidity: string[] = [];
	for (let cursor: string | null = null, pages = 0; pages < 2; pages++) {
		const page: { items: readonly { liquidity: string }[]; next_cursor: string | null } = await call(
			node.broker,
			"trading.fills",
			{ limit: 1, ...(cursor && { cursor }) },
			self,
		);
		liquidity.push(...page.items.map((fill) => fill.liquidity));
		cursor = page.next_cursor;
	}
	expect(liquidity).toEqual(["taker", "maker"]);
	const usd = (await call(node.broker, "trading.balances", undefined, self)).find(({ asset }) => asset === "USD");
	expect(usd).toMatchObject({ balance: "999999.7", held: "0" });
});

test("a decrement leaves the larger of two own orders with less", async () => {
	const own = await place(ann, { side: "sell", quantity: "3", price: "100" });
	expect(await place(ann, { quantity: "1", price: "100", self_trade_prevention: "decrement" })).toMatchObject({
		status: "expired",
		quantity: "1",
		filled_quantity: "0",
	});
	await until(async () => (await get(ann, own)).quantity === "2");
	expect(await get(ann, own)).toMatchObject({ status: "open", remaining_quantity: "2" });
	expect(await heldBy(ann, "BTC")).toBe("2");
});

test("the price band in force refuses what is too far from the last price", async () => {
	await tradeAt("100");
	const set = { key: "trading.price_band_bps", value: 500, expected_version: 0 } as const;
	const { version } = await call(node.broker, "config.set", set, ann);
	await until(async () => (await place(ann, { quantity: "1", price: "106" })).reject_code === "PRICE_OUT_OF_BAND");
	expect(await place(ann, { quantity: "1", price: "105" })).toMatchObject({ status: "open" });
	await call(node.broker, "config.set", { ...set, value: 0, expected_version: version }, ann);
	await until(async () => (await place(ann, { quantity: "1", price: "106" })).status === "open");
});

test("a rehearsal knows stops, and what they would hold", async () => {
	const validate = (asked: Asked) =>
		call(node.broker, "orders.validate", { symbol: "BTC-USD", side: "buy", ...asked }, bob);
	expect(await validate({ order_type: "stop", quantity: "1", stop_price: "500" })).toMatchObject({ allowed: true });
	expect(await validate({ order_type: "stop", quantity: "900", stop_price: "5000" })).toMatchObject({
		code: "INSUFFICIENT_FUNDS",
		observed: "4509000",
	});
	expect(
		await validate({ symbol: "BTC-USDT", order_type: "trailing_stop", quantity: "1", trail_amount: "5" }),
	).toMatchObject({ allowed: false, code: "NO_LAST_PRICE" });
});

test("a position tells its average price and its profit, an account its equity", async () => {
	const [trader, other] = [await rich("trader"), await rich("other")];
	const trade = async (side: "buy" | "sell", quantity: string, price: string) => {
		await place(other, { side: side === "buy" ? "sell" : "buy", quantity, price });
		await place(trader, { side, quantity, price });
	};
	await trade("buy", "2", "100");
	await trade("buy", "2", "200");
	await trade("sell", "1", "190");
	expect(await call(node.broker, "trading.positions", undefined, trader)).toEqual([
		{
			symbol: "BTC-USD",
			quantity: "3",
			average_price: "150",
			cost: "450",
			last_price: "190",
			value: "570",
			realized_profit: "40",
			unrealized_profit: "120",
			fees: "1.58",
			updated_at: expect.any(String),
		},
	]);
	const account = await call(node.broker, "trading.account", {}, trader);
	// 999,588.42 in cash, 1,000,003 BTC at 190, and ETH at its last price; there is no market for USDT in USD.
	const eth = account.holdings.find(({ asset }) => asset === "ETH");
	expect(account).toMatchObject({ asset: "USD", realized_profit: "40", unrealized_profit: "120", fees: "1.58" });
	expect(account.holdings).toEqual([
		{ asset: "BTC", balance: "1000003", price: "190", value: "190000570" },
		{ asset: "ETH", balance: "1000000", price: eth?.price, value: `${Number(eth?.price) * 1_000_000}` },
		{ asset: "USD", balance: "999588.42", price: "1", value: "999588.42" },
		{ asset: "USDT", balance: "1000000", price: null, value: null },
	]);
	expect(account.equity).toBe(`${190_000_570 + 999_588 + Number(eth?.value)}.42`);
	expect((await call(node.broker, "trading.account", { asset: "USDT" }, trader)).equity).toBe("1000000");
});

test("after all of it every invariant holds", async () => {
	expect((await verifiedInvariants()).length).toBeGreaterThanOrEqual(11);
});
