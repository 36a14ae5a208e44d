import { accountOf } from "../../../services/trading/domain/accounts.ts";
import { close } from "../../../services/trading/domain/execute.ts";
import { BTC_USD, executionWith, heldBy, marketWith, PLENTY, put, stateOf, stopOf, tradeAt } from "./support.ts";

test.each([
	["buy", 99, "held"],
	["buy", 100, "filled"],
	["sell", 101, "held"],
	["sell", 100, "filled"],
] as const)("a stop to %s at 100 is %s-%s", (side, ticks, status) => {
	const execution = marketWith();
	tradeAt(execution, side === "buy" ? 95 : 105);
	put(execution, stopOf({ orderId: "stop", side, quantityLots: 1 }));
	expect(stateOf(execution, "stop")).toEqual(["held", 0]);
	put(execution, {
		orderId: "rest",
		userId: "cyd",
		side: side === "buy" ? "sell" : "buy",
		priceTicks: side === "buy" ? 120 : 80,
	});
	tradeAt(execution, ticks);
	expect(execution.changed.get("stop")?.status).toBe(status);
});

test("a stop holds its cost while it waits: a buy at its limit, or at its stop when it has none", () => {
	const execution = marketWith();
	put(execution, stopOf({ orderId: "a", quantityLots: 1_000, stopTicks: 200 }));
	expect(heldBy(execution, "ann", "USD")).toBe(200_400n);
	put(
		execution,
		stopOf({ orderId: "b", orderType: "stop_limit", priceTicks: 210, quantityLots: 1_000, stopTicks: 200 }),
	);
	put(execution, stopOf({ orderId: "c", side: "sell", quantityLots: 7, stopTicks: 50 }));
	expect(heldBy(execution, "ann", "USD")).toBe(200_400n + 210_420n);
	expect(heldBy(execution, "ann", "BTC")).toBe(7n * BTC_USD.lotUnits);
	for (const id of ["a", "b", "c"]) close(execution, id, "canceled");
	expect([heldBy(execution, "ann", "USD"), heldBy(execution, "ann", "BTC")]).toEqual([0n, 0n]);
});

test("a stop whose price has been reached enters at once; a trailing one needs a last price", () => {
	const execution = marketWith();
	put(execution, { orderId: "trail", orderType: "trailing_stop", priceTicks: null, trailTicks: 5, side: "sell" });
	expect(stateOf(execution, "trail")).toEqual(["rejected", "NO_LAST_PRICE"]);
	tradeAt(execution, 100);
	put(execution, stopOf({ orderId: "late", orderType: "stop_limit", priceTicks: 101, stopTicks: 90 }));
	expect(stateOf(execution, "late")).toEqual(["open", 0]);
});

test.each([
	["5 ticks", { trailTicks: 5 }, [104, 110, 106, 105], 105],
	["10 %", { trailBps: 1_000 }, [120, 109, 108], 108],
] as const)(
	"a trailing stop to sell by %s follows the price up and is triggered on the way down",
	(_what, trail, prices, at) => {
		const execution = marketWith();
		tradeAt(execution, 100);
		put(execution, {
			orderId: "trail",
			orderType: "trailing_stop",
			priceTicks: null,
			side: "sell",
			quantityLots: 1,
			...trail,
		});
		put(execution, { orderId: "rest", userId: "cyd", priceTicks: 50, quantityLots: 10 });
		for (const ticks of prices) {
			expect(stateOf(execution, "trail")).toEqual(["held", 0]);
			tradeAt(execution, ticks);
		}
		expect(execution.lastTicks).toBe(50);
		expect(prices.at(-1)).toBe(at);
		expect(stateOf(execution, "trail")).toEqual(["filled", 1]);
	},
);

test("every 10,000 trades the best prices that trailing stops have seen are saved anew", () => {
	const execution = marketWith();
	execution.tradeSeq = 9_997;
	tradeAt(execution, 100);
	const trailing = { orderType: "trailing_stop", priceTicks: null, side: "sell", trailTicks: 50 } as const;
	put(execution, { orderId: "trail", ...trailing }, { orderId: "other", ...trailing });
	const saved = () => ["trail", "other"].map((id) => execution.changed.get(id));
	execution.changed.clear();
	tradeAt(execution, 110);
	expect(saved()).toEqual([undefined, undefined]);
	tradeAt(execution, 105);
	expect(saved()).toEqual([
		expect.objectContaining({ status: "held", extremeTicks: 110, sinceTradeSeq: 10_000 }),
		expect.objectContaining({ status: "held", extremeTicks: 110, sinceTradeSeq: 10_000 }),
	]);
	execution.changed.clear();
	tradeAt(execution, 106);
	expect(saved()).toEqual([undefined, undefined]);
});

test("stops that one trade triggers enter in the order of their arrival, and may trigger others", () => {
	const execution = marketWith();
	tradeAt(execution, 100);
	put(
		execution,
		stopOf({ orderId: "second", stopTicks: 110, quantityLots: 1 }),
		stopOf({ orderId: "first", stopTicks: 105, quantityLots: 1 }),
		stopOf({ orderId: "chained", stopTicks: 130, quantityLots: 1 }),
		...[120, 125, 130, 140].map(
			(priceTicks) =>
				({ orderId: `s${priceTicks}`, userId: "cyd", side: "sell", priceTicks, quantityLots: 1 }) as const,
		),
	);
	put(execution, { orderId: "t", userId: "bob", priceTicks: 120, quantityLots: 1 });
	expect(execution.trades.slice(1).map((trade) => [trade.taker.orderId, trade.ticks])).toEqual([
		["t", 120],
		["second", 125],
		["first", 130],
		["chained", 140],
	]);
});

test("a triggered stop that cannot pay is rejected and gives back what it held", () => {
	const execution = executionWith(["ann", "bob", "cyd"], 2_004n);
	accountOf(execution.accounts, "cyd", "BTC").balance = PLENTY;
	put(execution, { orderId: "far", userId: "cyd", side: "sell", priceTicks: 500, quantityLots: 100 });
	put(execution, stopOf({ orderId: "stop", stopTicks: 110, quantityLots: 10 }));
	tradeAt(execution, 110);
	expect(stateOf(execution, "stop")).toEqual(["rejected", "INSUFFICIENT_FUNDS"]);
	expect(heldBy(execution, "ann", "USD")).toBe(0n);
});
