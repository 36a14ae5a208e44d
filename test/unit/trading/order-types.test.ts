import { bestLevels } from "../../../services/trading/domain/book.ts";
import { submit } from "../../../services/trading/domain/execute.ts";
import {
	BTC_USD,
	heldBy,
	marketOrderOf,
	marketWith,
	notionalOrderOf,
	put,
	stateOf,
	stopOf,
	tradeAt,
} from "./support.ts";

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
	put(execution, { orderId: "b" }, { orderId: "c", replaces: "a", quantityLots: 5 }, stopOf({ orderId: "d" }));
	for (const id of ["b", "c", "d"]) expect(stateOf(execution, id)).toEqual(["rejected", "MARKET_NOT_OPEN"]);
	expect(stateOf(execution, "a")).toEqual(["open", 0]);
});
