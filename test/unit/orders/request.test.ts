import type { PlaceOrder } from "../../../contracts/orders.ts";
import { checkRequest } from "../../../services/orders/domain/request.ts";
import { BTC_USD, NOW } from "./support.ts";

const request = (over: Partial<PlaceOrder> = {}): PlaceOrder => ({
	symbol: "BTC-USD",
	side: "buy",
	quantity: "1",
	price: "100",
	...over,
});
const codesOf = (order: PlaceOrder) => {
	const checked = checkRequest(order, BTC_USD, NOW);
	return checked.ok ? [] : checked.errors.map((error) => `${error.pointer} ${error.code}`);
};

test("an order with a price is a limit order, one without a market order; gtc unless told", () => {
	const terms = (order: PlaceOrder) => {
		const checked = checkRequest(order, BTC_USD, NOW);
		return checked.ok && checked.terms;
	};
	expect(terms(request())).toMatchObject({ order_type: "limit", time_in_force: "gtc", price: "100" });
	const { price: _price, ...market } = request();
	expect(terms(market)).toMatchObject({ order_type: "market", price: null });
	expect(terms(request({ quantity: "1.50", price: "100.10" }))).toMatchObject({ quantity: "1.5", price: "100.1" });
});

test.each([
	["NaN", "INVALID_DECIMAL"],
	["Infinity", "INVALID_DECIMAL"],
	["1e3", "INVALID_DECIMAL"],
	["0x10", "INVALID_DECIMAL"],
	[" 1 ", "INVALID_DECIMAL"],
	["+1", "INVALID_DECIMAL"],
	["-0", "INVALID_DECIMAL"],
	["１", "INVALID_DECIMAL"],
	["", "INVALID_DECIMAL"],
	["1.", "INVALID_DECIMAL"],
	["01", "INVALID_DECIMAL"],
	["-1", "NOT_POSITIVE"],
	["0", "NOT_POSITIVE"],
	["0.00", "NOT_POSITIVE"],
	["0.000000001", "LOT_SIZE"],
	["0.000001", "BELOW_MIN_QUANTITY"],
	["1000.00000001", "ABOVE_MAX_QUANTITY"],
])("a quantity of '%s' is refused as %s", (quantity, code) => {
	expect(codesOf(request({ quantity }))).toEqual([`/quantity ${code}`]);
});

test.each([
	["NaN", "INVALID_DECIMAL"],
	["-5", "NOT_POSITIVE"],
	["100.001", "TICK_SIZE"],
	["90071992547409.93", "ABOVE_MAX_PRICE"],
])("a price of '%s' is refused as %s", (price, code) => {
	expect(codesOf(request({ price }))).toEqual([`/price ${code}`]);
});

test("a limit order needs a price and a market order has none", () => {
	const { price: _price, ...unpriced } = request({ order_type: "limit" });
	expect(codesOf(unpriced)).toEqual(["/price REQUIRED"]);
	expect(codesOf(request({ order_type: "market" }))).toEqual(["/price NOT_ALLOWED"]);
});

const bare = { symbol: "BTC-USD", side: "buy" } as const;

test.each([
	["a market buy by notional", { notional: "100" }, []],
	["a market order of nothing", {}, ["/quantity REQUIRED"]],
	["a market order of two sizes", { quantity: "1", notional: "100" }, ["/notional NOT_ALLOWED"]],
	["a sale by notional", { side: "sell", notional: "100" }, ["/notional NOT_ALLOWED"]],
	["a notional below the least", { notional: "0.5" }, ["/notional BELOW_MIN_NOTIONAL"]],
	["a notional finer than money", { notional: "1.00000000001" }, ["/notional TOO_FINE"]],
	["a market order that waits", { quantity: "1", time_in_force: "day" }, ["/time_in_force NOT_ALLOWED"]],
	["a limit order with a stop", { quantity: "1", price: "9", stop_price: "9" }, ["/stop_price NOT_ALLOWED"]],
	["a stop without its price", { order_type: "stop", quantity: "1" }, ["/stop_price REQUIRED"]],
	["a stop", { order_type: "stop", quantity: "1", stop_price: "9" }, []],
	["a stop with a limit", { order_type: "stop", quantity: "1", stop_price: "9", price: "9" }, ["/price NOT_ALLOWED"]],
	["a stop off the grid", { order_type: "stop", quantity: "1", stop_price: "9.001" }, ["/stop_price TICK_SIZE"]],
	[
		"a stop of next to nothing",
		{ order_type: "stop", quantity: "0.001", stop_price: "9" },
		["/quantity BELOW_MIN_NOTIONAL"],
	],
	["a stop-limit", { order_type: "stop_limit", quantity: "1", stop_price: "9", price: "9" }, []],
	["a stop-limit without a limit", { order_type: "stop_limit", quantity: "1", stop_price: "9" }, ["/price REQUIRED"]],
	["a trailing stop", { order_type: "trailing_stop", quantity: "1", trail_percent: "1.5" }, []],
	["a trailing stop without a trail", { order_type: "trailing_stop", quantity: "1" }, ["/trail_amount REQUIRED"]],
	[
		"a trailing stop with two",
		{ order_type: "trailing_stop", quantity: "1", trail_percent: "1", trail_amount: "1" },
		["/trail_percent NOT_ALLOWED"],
	],
	[
		"a trail of 100 %",
		{ order_type: "trailing_stop", quantity: "1", trail_percent: "100" },
		["/trail_percent OUT_OF_RANGE"],
	],
	[
		"a trail of a thousandth",
		{ order_type: "trailing_stop", quantity: "1", trail_percent: "1.001" },
		["/trail_percent TOO_FINE"],
	],
	["a gtd order", { quantity: "1", price: "9", time_in_force: "gtd", expires_at: "2026-01-02T03:04:06Z" }, []],
	["a gtd order without an end", { quantity: "1", price: "9", time_in_force: "gtd" }, ["/expires_at REQUIRED"]],
	[
		"a gtd order that is over",
		{ quantity: "1", price: "9", time_in_force: "gtd", expires_at: "2026-01-02T03:04:05Z" },
		["/expires_at OUT_OF_RANGE"],
	],
	[
		"an end that is no time",
		{ quantity: "1", price: "9", time_in_force: "gtd", expires_at: "tomorrow" },
		["/expires_at INVALID_FORMAT"],
	],
	[
		"a gtc order with an end",
		{ quantity: "1", price: "9", expires_at: "2026-01-02T03:04:06Z" },
		["/expires_at NOT_ALLOWED"],
	],
	["a post-only order", { quantity: "1", price: "9", post_only: true }, []],
	["a post-only ioc", { quantity: "1", price: "9", post_only: true, time_in_force: "ioc" }, ["/post_only NOT_ALLOWED"]],
	["a post-only market order", { quantity: "1", post_only: true }, ["/post_only NOT_ALLOWED"]],
	["an iceberg", { quantity: "1", price: "9", display_quantity: "0.01" }, []],
	[
		"an iceberg in too many slices",
		{ quantity: "1", price: "9", display_quantity: "0.00999" },
		["/display_quantity OUT_OF_RANGE"],
	],
	[
		"an iceberg all above water",
		{ quantity: "1", price: "9", display_quantity: "2" },
		["/display_quantity OUT_OF_RANGE"],
	],
	[
		"an iceberg that does not rest",
		{ quantity: "1", price: "9", display_quantity: "0.1", time_in_force: "fok" },
		["/display_quantity NOT_ALLOWED"],
	],
	["a market order that is shown", { quantity: "1", display_quantity: "0.1" }, ["/display_quantity NOT_ALLOWED"]],
] as const)("%s", (_what, over, codes) => {
	expect(codesOf({ ...bare, ...over })).toEqual(codes);
});

test("an order for less than the least amount of money is refused", () => {
	expect(codesOf(request({ quantity: "0.00999", price: "100" }))).toEqual(["/quantity BELOW_MIN_NOTIONAL"]);
	expect(codesOf(request({ quantity: "0.01", price: "100" }))).toEqual([]);
});

test("all that is wrong is told at once", () => {
	expect(codesOf(request({ quantity: "0", price: "x" }))).toEqual(["/quantity NOT_POSITIVE", "/price INVALID_DECIMAL"]);
});

test("metadata is flat and small", () => {
	expect(codesOf(request({ metadata: { note: "x".repeat(2_000) } }))).toEqual(["/metadata TOO_LARGE"]);
	expect(codesOf(request({ metadata: { nested: {} } as never }))).toEqual(["/metadata NOT_FLAT"]);
	expect(codesOf(request({ metadata: { note: "a\0b" } }))).toEqual(["/metadata INVALID_CHARACTER"]);
	expect(codesOf(request({ metadata: { "\ud800": 1 } }))).toEqual(["/metadata INVALID_CHARACTER"]);
});
