import { worthOf } from "../../../services/risk/domain/worth.ts";

test.each([
	["a limit to buy: its price, however high the last one", "buy", { price: "100" }, "150", "100"],
	["a stop limit to buy: its limit", "buy", { price: "100", stop_price: "90" }, "150", "100"],
	["a limit to sell far below the market: the last price", "sell", { price: "1" }, "150", "150"],
	["a limit to sell above the market: its price", "sell", { price: "200" }, "150", "200"],
	["a stop limit to sell: the last price if that is higher", "sell", { price: "90", stop_price: "95" }, "150", "150"],
	["a stop to buy below the market, which enters at once: the last price", "buy", { stop_price: "1" }, "150", "150"],
	["a stop to buy above the market: its stop", "buy", { stop_price: "200" }, "150", "200"],
	["decimals, not their digits", "buy", { stop_price: "90" }, "150", "150"],
	["a stop before the first trade: its stop", "buy", { stop_price: "200" }, null, "200"],
	["a market order: the last price", "sell", {}, "150", "150"],
	["a market order before the first trade: nothing is known", "buy", {}, null, null],
] as const)("%s", (_what, side, own, mark, price) => {
	const order = { side, quantity: "2", notional: null, price: null, stop_price: null, ...own };
	expect(worthOf(order, mark)).toEqual({ quantity: "2", price });
});

test("an order by notional is worth that", () => {
	const order = { side: "buy", quantity: "0", notional: "500", price: null, stop_price: null } as const;
	expect(worthOf(order, "150")).toEqual({ quantity: "1", price: "500" });
});
