import { bestLevels } from "../../../services/trading/domain/book.ts";
import { submit } from "../../../services/trading/domain/execute.ts";
import { BTC_USD, executionWith, heldBy, marketOrderOf, marketWith, put, stateOf } from "./support.ts";

test("an iceberg that becomes a plain order in its place shows all of itself", () => {
	const execution = marketWith();
	put(
		execution,
		{ orderId: "ice", side: "sell", quantityLots: 10, displayLots: 3 },
		{ orderId: "plain", side: "sell", quantityLots: 8, replaces: "ice" },
	);
	expect(bestLevels(execution.book, "sell", 1)).toEqual([[100, 8]]);
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
