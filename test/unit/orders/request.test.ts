import type { Instrument } from "../../../contracts/data.ts";
import type { PlaceOrder } from "../../../contracts/orders.ts";
import { checkRequest } from "../../../services/orders/domain/request.ts";

const BTC_USD: Instrument = {
	symbol: "BTC-USD",
	base_asset: "BTC",
	quote_asset: "USD",
	tick_size: "0.01",
	lot_size: "0.00000001",
	min_quantity: "0.00001",
	max_quantity: "1000",
	min_notional: "1",
	maker_fee_bps: 10,
	taker_fee_bps: 20,
	status: "trading",
};
const request = (over: Partial<PlaceOrder> = {}): PlaceOrder => ({
	symbol: "BTC-USD",
	side: "buy",
	quantity: "1",
	price: "100",
	...over,
});
const codesOf = (order: PlaceOrder) => {
	const checked = checkRequest(order, BTC_USD);
	return checked.ok ? [] : checked.errors.map((error) => `${error.pointer} ${error.code}`);
};

test("an order with a price is a limit order, one without a market order; gtc unless told", () => {
	const terms = (order: PlaceOrder) => {
		const checked = checkRequest(order, BTC_USD);
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
