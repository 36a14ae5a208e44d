import type { PlaceOrder } from "../../../contracts/orders.ts";
import { checkPlacement } from "../../../services/orders/domain/placement.ts";
import { BTC_USD, NOW } from "./support.ts";

type Over = Partial<PlaceOrder>;

const legs = [{ price: "110" }, { stop_price: "90" }] as const;
const oco = (over: Over = {}): PlaceOrder => ({
	symbol: "BTC-USD",
	side: "sell",
	quantity: "1",
	order_class: "oco",
	legs,
	...over,
});
const bracket = (over: Over = {}): PlaceOrder => ({
	...oco(),
	side: "buy",
	price: "100",
	order_class: "bracket",
	...over,
});
const check = (request: PlaceOrder) => checkPlacement(request, BTC_USD, NOW);
const codesOf = (request: PlaceOrder) => {
	const checked = check(request);
	return checked.ok ? [] : checked.errors.map((error) => `${error.pointer} ${error.code}`);
};

test("an oco shows its take profit; its legs have the rest from it", () => {
	const expires_at = "2026-02-03T04:05:06.000Z";
	const shared = { time_in_force: "gtd", expires_at, self_trade_prevention: "decrement" } as const;
	const checked = check(oco({ ...shared, client_order_id: "mine", metadata: { a: 1 } }));
	expect(checked).toMatchObject({
		ok: true,
		terms: { order_class: "oco", order_type: "limit", price: "110", client_order_id: "mine", metadata: { a: 1 } },
		legs: [
			{
				...shared,
				side: "sell",
				quantity: "1",
				order_type: "limit",
				price: "110",
				client_order_id: null,
				metadata: {},
			},
			{ ...shared, side: "sell", quantity: "1", order_type: "stop", stop_price: "90", price: null },
		],
	});
});

test("the exits of a bracket are on the other side and last until they are executed or canceled", () => {
	const checked = check(bracket({ time_in_force: "day", metadata: { a: 1 }, post_only: true }));
	expect(checked).toMatchObject({
		ok: true,
		terms: { order_class: "bracket", side: "buy", price: "100", time_in_force: "day", post_only: true },
		legs: [
			{ side: "sell", order_type: "limit", time_in_force: "gtc", post_only: false, metadata: {} },
			{ side: "sell", order_type: "stop", time_in_force: "gtc" },
		],
	});
});

test.each([
	[{ price: "110" }, "limit"],
	[{ stop_price: "90" }, "stop"],
	[{ stop_price: "90", price: "89" }, "stop_limit"],
	[{ trail_amount: "5" }, "trailing_stop"],
	[{ trail_percent: "5" }, "trailing_stop"],
	[{ order_type: "stop", stop_price: "90" }, "stop"],
] as const)("a leg with %p is a %s", (leg, type) => {
	expect(check(bracket({ legs: [leg] }))).toMatchObject({ ok: true, legs: [{ order_type: type }] });
});

test.each<[what: string, request: PlaceOrder, errors: readonly string[]]>([
	["a simple order with legs", { ...oco(), order_class: "simple", price: "100" }, ["/legs NOT_ALLOWED"]],
	["an order of no class with legs", { symbol: "BTC-USD", side: "buy", quantity: "1", legs }, ["/legs NOT_ALLOWED"]],
	["an oco without legs", { symbol: "BTC-USD", side: "sell", quantity: "1", order_class: "oco" }, ["/legs REQUIRED"]],
	["an oco of one leg", oco({ legs: [legs[0]] }), ["/legs TOO_SHORT"]],
	["an oco of two limits", oco({ legs: [legs[0], { price: "120" }] }), ["/legs/1/order_type NOT_ALLOWED"]],
	["an oco of two stops", oco({ legs: [legs[1], { trail_amount: "5" }] }), ["/legs/1/order_type NOT_ALLOWED"]],
	["an oco with a price of its own", oco({ price: "100" }), ["/price NOT_ALLOWED"]],
	[
		"an oco with a type",
		oco({ order_type: "limit", post_only: true }),
		["/order_type NOT_ALLOWED", "/post_only NOT_ALLOWED"],
	],
	["an oco that does not wait", oco({ time_in_force: "ioc" }), ["/time_in_force NOT_ALLOWED"]],
	["an oco until nobody knows when", oco({ time_in_force: "gtd" }), ["/expires_at REQUIRED"]],
	["an oco of nothing", oco({ quantity: "0" }), ["/quantity NOT_POSITIVE"]],
	["an oco without a quantity", { symbol: "BTC-USD", side: "sell", order_class: "oco", legs }, ["/quantity REQUIRED"]],
	["an oco with deep metadata", oco({ metadata: { a: {} } as never }), ["/metadata NOT_FLAT"]],
	["a leg off the grid", oco({ legs: [{ price: "110.001" }, legs[1]] }), ["/legs/0/price TICK_SIZE"]],
	["a leg of nothing", oco({ legs: [legs[0], {}] }), ["/legs/1/order_type NOT_ALLOWED", "/legs/1/price REQUIRED"]],
	["a stop leg without a stop", oco({ legs: [legs[0], { order_type: "stop" }] }), ["/legs/1/stop_price REQUIRED"]],
	[
		"a limit leg with a stop",
		oco({ legs: [{ order_type: "limit", ...legs[1] }, legs[1]] }),
		["/legs/0/price REQUIRED", "/legs/0/stop_price NOT_ALLOWED"],
	],
	[
		"an oco to sell with its stop above",
		oco({ legs: [{ price: "90" }, { stop_price: "110" }] }),
		["/legs/0/price OUT_OF_RANGE"],
	],
	[
		"an oco to sell with both at one price",
		oco({ legs: [{ stop_price: "110" }, { price: "110" }] }),
		["/legs/1/price OUT_OF_RANGE"],
	],
	["an oco to buy with its stop below", oco({ side: "buy" }), ["/legs/1/stop_price OUT_OF_RANGE"]],
	["a bracket without legs", bracket({ legs: [] }), ["/legs REQUIRED"]],
	[
		"a bracket by notional",
		{ ...bracket(), order_type: "market", notional: "100", quantity: undefined, price: undefined } as never,
		["/notional NOT_ALLOWED", "/quantity REQUIRED"],
	],
	["a bracket that takes its profit below its entry", bracket({ price: "111" }), ["/legs/0/price OUT_OF_RANGE"]],
	["a bracket that stops above its entry", bracket({ price: "89" }), ["/legs/1/stop_price OUT_OF_RANGE"]],
	[
		"a bracket to sell with its exits the wrong way",
		bracket({ side: "sell" }),
		["/legs/0/price OUT_OF_RANGE", "/legs/1/stop_price OUT_OF_RANGE"],
	],
	[
		"a bracket that enters by a stop above its profit",
		bracket({ order_type: "stop", price: undefined, stop_price: "120" } as never),
		["/legs/0/price OUT_OF_RANGE"],
	],
])("%s is refused, field by field", (_what, request, errors) => {
	const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
	expect(codesOf(given as unknown as PlaceOrder).toSorted()).toEqual(errors.toSorted());
});

test.each<[what: string, request: PlaceOrder]>([
	["an oco to buy", oco({ side: "buy", legs: [{ price: "90" }, { stop_price: "110" }] })],
	["an oco with a trailing stop", oco({ legs: [{ trail_percent: "5" }, { price: "110" }] })],
	["a bracket to sell", bracket({ side: "sell", legs: [{ price: "90" }, { stop_price: "110" }] })],
	["a bracket with a stop loss alone", bracket({ legs: [{ stop_price: "90" }] })],
	["a bracket that enters by a stop", bracket({ order_type: "stop_limit", stop_price: "99" })],
])("%s is taken", (_what, request) => {
	expect(codesOf(request)).toEqual([]);
});

test("a bracket at the market has its exits the right way round all the same", () => {
	const { price: _price, ...market } = bracket();
	expect(codesOf(market)).toEqual([]);
	expect(codesOf({ ...market, side: "sell" })).toEqual(["/legs/1/stop_price OUT_OF_RANGE"]);
});
