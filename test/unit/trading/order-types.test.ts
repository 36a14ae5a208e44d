import { accountOf } from "../../../services/trading/domain/accounts.ts";
import { bestLevels } from "../../../services/trading/domain/book.ts";
import { close, submit } from "../../../services/trading/domain/execute.ts";
import type { Execution } from "../../../services/trading/domain/execution.ts";
import type { ExecutionOrder } from "../../../services/trading/domain/order.ts";
import { BTC_USD, executionWith, marketOrderOf, notionalOrderOf, orderOf } from "./support.ts";

const PLENTY = 10n ** 20n;
type Over = Partial<ExecutionOrder> & { readonly orderId: string };

const marketWith = (over: Partial<Execution> = {}): Execution => ({
	...executionWith(["ann", "bob", "cyd"], PLENTY),
	...over,
});
const put = (execution: Execution, ...orders: Over[]) => {
	for (const order of orders) submit(execution, orderOf(order));
};
const stateOf = (execution: Execution, id: string) => {
	const order = execution.changed.get(id);
	return [order?.status, order?.rejectReason ?? order?.filledLots];
};
const heldBy = (execution: Execution, owner: string, asset: string) => accountOf(execution.accounts, owner, asset).held;
/** A last price of `ticks`, with nothing left in the book. */
function tradeAt(execution: Execution, ticks: number, id = `at${ticks}`): void {
	put(
		execution,
		{ orderId: `${id}-s`, userId: "cyd", side: "sell", priceTicks: ticks, quantityLots: 1 },
		{ orderId: `${id}-b`, userId: "bob", priceTicks: ticks, quantityLots: 1 },
	);
}

test("a market buy by notional spends what it may, to the last lot, with its fees", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "a", side: "sell", priceTicks: 100, quantityLots: 1_000 },
		{ orderId: "b", side: "sell", priceTicks: 200, quantityLots: 1_000_000 },
	);
	submit(execution, notionalOrderOf("t", "bob", 300_500n));
	const order = execution.changed.get("t");
	// 1,000 lots at 100 cost 100,200; of the other 200,300 units, 999 lots at 200 cost 199,800 + 399.
	expect(order).toMatchObject({ status: "filled", quantityLots: 1_999, filledLots: 1_999, hold: 0n });
	expect([order?.filledNotional, order?.fee]).toEqual([299_800n, 599n]);
});

test.each([
	["of less than a lot costs", 99n, "rejected", "BELOW_MIN_NOTIONAL"],
	["that buys all there is", 10n ** 9n, "expired", 10],
	["of exactly what there is", 1_002n, "filled", 10],
] as const)("a notional %s", (_what, notional, status, detail) => {
	const execution = marketWith();
	put(execution, { orderId: "a", side: "sell", priceTicks: 100, quantityLots: 10 });
	submit(execution, notionalOrderOf("t", "bob", notional));
	expect(stateOf(execution, "t")).toEqual([status, detail]);
});

test.each([
	[10, ["filled", 10]],
	[11, ["expired", 0]],
] as const)("a fill-or-kill order for %d of 10 lots is %p", (quantityLots, state) => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "a", side: "sell", quantityLots: 4 },
		{ orderId: "b", side: "sell", priceTicks: 99, quantityLots: 6 },
		{ orderId: "t", userId: "bob", timeInForce: "fok", quantityLots },
	);
	expect(stateOf(execution, "t")).toEqual(state);
	expect(heldBy(execution, "bob", "USD")).toBe(0n);
});

test("a fill-or-kill order by notional trades nothing when self-trade prevention would take a part of it", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "own", userId: "bob", side: "sell", quantityLots: 4 },
		{ orderId: "a", side: "sell", quantityLots: 100 },
	);
	const order = {
		...notionalOrderOf("t", "bob", 1_002n),
		timeInForce: "fok",
		selfTradePrevention: "decrement",
	} as const;
	submit(execution, order);
	expect(stateOf(execution, "t")).toEqual(["expired", 0]);
	expect(stateOf(execution, "own")).toEqual(["open", 0]);
	expect(execution.trades).toEqual([]);
});

test("an iceberg that becomes a plain order in its place shows all of itself", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "ice", side: "sell", quantityLots: 10, displayLots: 3 },
		{ orderId: "plain", side: "sell", quantityLots: 8, replaces: "ice" },
	);
	expect(bestLevels(execution.book, "sell", 1)).toEqual([[100, 8]]);
});

test("a post-only order that would take is rejected; one that rests is not", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "a", side: "sell", priceTicks: 100 },
		{ orderId: "t", userId: "bob", priceTicks: 100, postOnly: true },
		{ orderId: "u", userId: "bob", priceTicks: 99, postOnly: true },
	);
	expect(stateOf(execution, "t")).toEqual(["rejected", "POST_ONLY_WOULD_TAKE"]);
	expect(stateOf(execution, "u")).toEqual(["open", 0]);
});

test("an order that only reduces cannot buy, where nobody can owe anything", () => {
	const execution = marketWith();
	put(execution, { orderId: "a", reduceOnly: true }, { orderId: "b", side: "sell", priceTicks: 101, reduceOnly: true });
	expect(stateOf(execution, "a")).toEqual(["rejected", "REDUCE_ONLY"]);
	expect(stateOf(execution, "b")).toEqual(["open", 0]);
});

test("an iceberg shows a slice at a time, and each new one waits behind those that came meanwhile", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "ice", side: "sell", quantityLots: 10, displayLots: 3 },
		{ orderId: "other", userId: "cyd", side: "sell", quantityLots: 5 },
	);
	expect(bestLevels(execution.book, "sell", 1)).toEqual([[100, 8]]);
	put(execution, { orderId: "t", userId: "bob", quantityLots: 9 });
	expect(execution.trades.map((trade) => [trade.maker.orderId, trade.lots])).toEqual([
		["ice", 3],
		["other", 5],
		["ice", 1],
	]);
	expect(bestLevels(execution.book, "sell", 1)).toEqual([[100, 2]]);
	expect(execution.changed.get("ice")).toMatchObject({ filledLots: 4, visibleLots: 2, hold: 6n * BTC_USD.lotUnits });
});

test.each([
	["expire_taker", ["open", 0], 10, ["expired", 3], 10],
	["expire_maker", ["expired", 0], 10, ["partially_filled", 5], 10],
	["expire_both", ["expired", 0], 10, ["expired", 3], 10],
	["decrement", ["open", 0], 3, ["expired", 3], 10],
	["none", ["partially_filled", 7], 10, ["filled", 10], 10],
] as const)(
	"where an order meets its own user, %s leaves the one %p of %d and the other %p of %d",
	(mode, own, ownLots, taker, takerLots) => {
		const execution = marketWith();
		put(
			execution,
			{ orderId: "first", userId: "cyd", side: "sell", quantityLots: 3 },
			{ orderId: "own", userId: "bob", side: "sell", quantityLots: 10 },
			{ orderId: "behind", userId: "cyd", side: "sell", quantityLots: 2 },
			{ orderId: "t", userId: "bob", quantityLots: 10, selfTradePrevention: mode },
		);
		expect([stateOf(execution, "own"), execution.changed.get("own")?.quantityLots]).toEqual([own, ownLots]);
		expect([stateOf(execution, "t"), execution.changed.get("t")?.quantityLots]).toEqual([taker, takerLots]);
	},
);

test("an order that outlives a decrement goes on with less", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "own", userId: "bob", side: "sell", quantityLots: 4 },
		{ orderId: "t", userId: "bob", quantityLots: 10, selfTradePrevention: "decrement" },
	);
	expect(stateOf(execution, "own")).toEqual(["expired", 0]);
	expect(execution.changed.get("t")).toMatchObject({ status: "open", quantityLots: 6, filledLots: 0 });
});

test.each([
	["less of it at its price keeps its place", { quantityLots: 5 }, ["new", "other"]],
	["more of it loses its place", { quantityLots: 11 }, ["other", "new"]],
	["another price stands there", { quantityLots: 5, priceTicks: 99 }, ["new", "other"]],
])("a replace for %s", (_what, change, queue) => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "old", side: "sell", quantityLots: 10 },
		{ orderId: "other", userId: "cyd", side: "sell", quantityLots: 10 },
		{ orderId: "new", side: "sell", replaces: "old", ...change },
	);
	expect(stateOf(execution, "old")).toEqual(["replaced", 0]);
	expect(heldBy(execution, "ann", "BTC")).toBe(BigInt(change.quantityLots) * BTC_USD.lotUnits);
	submit(execution, marketOrderOf({ orderId: "t", userId: "bob", quantityLots: 12 }));
	expect(execution.trades.map((trade) => trade.maker.orderId)).toEqual(queue);
});

test("the quantity of a replace counts what the order had filled before", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "old", side: "sell", quantityLots: 10 },
		{ orderId: "t", userId: "bob", quantityLots: 4 },
		{ orderId: "new", side: "sell", replaces: "old", quantityLots: 7 },
	);
	expect(execution.changed.get("new")).toMatchObject({ status: "open", quantityLots: 3, hold: 3n * BTC_USD.lotUnits });
	put(execution, { orderId: "less", side: "sell", replaces: "new", quantityLots: 3 });
	put(
		execution,
		{ orderId: "u", userId: "bob", quantityLots: 2 },
		{ orderId: "late", side: "sell", replaces: "less", quantityLots: 2 },
	);
	expect(stateOf(execution, "late")).toEqual(["rejected", "TOO_LATE_TO_REPLACE"]);
	expect(stateOf(execution, "less")).toEqual(["partially_filled", 2]);
});

test("a replace that cannot be paid leaves the order as it was", () => {
	const execution = executionWith(["ann"], 1_002n);
	put(execution, { orderId: "old", quantityLots: 10 }, { orderId: "new", replaces: "old", quantityLots: 11 });
	expect(stateOf(execution, "new")).toEqual(["rejected", "INSUFFICIENT_FUNDS"]);
	expect(stateOf(execution, "old")).toEqual(["open", 0]);
	put(execution, { orderId: "newer", replaces: "old", priceTicks: 50, quantityLots: 20 });
	expect(stateOf(execution, "newer")).toEqual(["open", 0]);
	expect(heldBy(execution, "ann", "USD")).toBe(1_002n);
});

const stop = (over: Over): Over => ({ orderType: "stop", priceTicks: null, stopTicks: 100, ...over });

test.each([
	["buy", 99, "held"],
	["buy", 100, "filled"],
	["sell", 101, "held"],
	["sell", 100, "filled"],
] as const)("a stop to %s at 100 is %s-%s", (side, ticks, status) => {
	const execution = marketWith();
	tradeAt(execution, side === "buy" ? 95 : 105);
	put(execution, stop({ orderId: "stop", side, quantityLots: 1 }));
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
	put(execution, stop({ orderId: "a", quantityLots: 1_000, stopTicks: 200 }));
	expect(heldBy(execution, "ann", "USD")).toBe(200_400n);
	put(execution, stop({ orderId: "b", orderType: "stop_limit", priceTicks: 210, quantityLots: 1_000, stopTicks: 200 }));
	put(execution, stop({ orderId: "c", side: "sell", quantityLots: 7, stopTicks: 50 }));
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
	put(execution, stop({ orderId: "late", orderType: "stop_limit", priceTicks: 101, stopTicks: 90 }));
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
		stop({ orderId: "second", stopTicks: 110, quantityLots: 1 }),
		stop({ orderId: "first", stopTicks: 105, quantityLots: 1 }),
		stop({ orderId: "chained", stopTicks: 130, quantityLots: 1 }),
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
	put(execution, stop({ orderId: "stop", stopTicks: 110, quantityLots: 10 }));
	tradeAt(execution, 110);
	expect(stateOf(execution, "stop")).toEqual(["rejected", "INSUFFICIENT_FUNDS"]);
	expect(heldBy(execution, "ann", "USD")).toBe(0n);
});

test("a band of 10 % refuses prices beyond it and stops a sweep at its edge", () => {
	const execution = marketWith({ bandBps: 1_000 });
	tradeAt(execution, 100);
	put(
		execution,
		{ orderId: "dear", priceTicks: 111 },
		{ orderId: "cheap", side: "sell", priceTicks: 89 },
		{ orderId: "low", priceTicks: 1 },
		{ orderId: "near", userId: "cyd", side: "sell", priceTicks: 110, quantityLots: 4 },
		{ orderId: "far", userId: "cyd", side: "sell", priceTicks: 111, quantityLots: 4 },
	);
	submit(execution, marketOrderOf({ orderId: "t", userId: "bob", quantityLots: 8 }));
	expect(["dear", "cheap", "low", "t"].map((id) => stateOf(execution, id))).toEqual([
		["rejected", "PRICE_OUT_OF_BAND"],
		["rejected", "PRICE_OUT_OF_BAND"],
		["open", 0],
		["expired", 4],
	]);
});

test("an order past its time is neither executed nor met", () => {
	const execution = marketWith({ nowMs: 1_000 });
	put(
		execution,
		{ orderId: "late", expiresAtMs: 1_000 },
		{ orderId: "gtd", side: "sell", timeInForce: "gtd", expiresAtMs: 1_500 },
	);
	expect(stateOf(execution, "late")).toEqual(["expired", 0]);
	Object.assign(execution, { nowMs: 1_500 });
	put(execution, { orderId: "t", userId: "bob" });
	expect([stateOf(execution, "gtd"), stateOf(execution, "t")]).toEqual([
		["expired", 0],
		["open", 0],
	]);
	expect(heldBy(execution, "ann", "BTC")).toBe(0n);
});

test.each([["cancel_only"], ["halted"]] as const)("a market that is %s takes neither orders nor replaces", (status) => {
	const open = marketWith();
	put(open, { orderId: "a" });
	const execution = { ...open, market: { ...BTC_USD, status } };
	put(execution, { orderId: "b" }, { orderId: "c", replaces: "a", quantityLots: 5 }, stop({ orderId: "d" }));
	for (const id of ["b", "c", "d"]) expect(stateOf(execution, id)).toEqual(["rejected", "MARKET_NOT_OPEN"]);
	expect(stateOf(execution, "a")).toEqual(["open", 0]);
});
