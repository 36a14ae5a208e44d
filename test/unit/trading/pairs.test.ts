import { accountOf } from "../../../services/trading/domain/accounts.ts";
import { bestLevels } from "../../../services/trading/domain/book.ts";
import { close, submitPair } from "../../../services/trading/domain/execute.ts";
import type { Execution } from "../../../services/trading/domain/execution.ts";
import type { ExecutionOrder } from "../../../services/trading/domain/order.ts";
import { BTC_USD, executionWith, heldBy, orderOf, PLENTY, put, tradeAt } from "./support.ts";

type Over = Partial<ExecutionOrder>;

/** Ann sells 10 lots at 110, or when the price falls to 90; other terms as told. */
function sellPair(execution: Execution, limit: Over = {}, stop: Over = {}): void {
	const common = { side: "sell", quantityLots: 10 } as const;
	submitPair(
		execution,
		orderOf({ ...common, orderId: "limit", priceTicks: 110, linkedTo: "stop", ...limit }),
		orderOf({
			...common,
			orderId: "stop",
			orderType: "stop",
			priceTicks: null,
			stopTicks: 90,
			linkedTo: "limit",
			...stop,
		}),
	);
}

const stateOf = (execution: Execution, id: string) => {
	const order = execution.changed.get(id);
	return `${order?.status} ${order?.rejectReason ?? `${order?.filledLots} of ${order?.quantityLots}`}`;
};
const worldWith = (balance = PLENTY) => {
	const execution = executionWith(["ann", "bob", "cyd"], balance);
	tradeAt(execution, 100);
	return execution;
};

test.each<[what: string, then: (execution: Execution) => void, limit: string, stop: string]>([
	["nothing happens", () => {}, "open 0 of 10", "held 0 of 10"],
	[
		"the limit is filled in part",
		(e) => put(e, { orderId: "t", userId: "bob", priceTicks: 110, quantityLots: 4 }),
		"partially_filled 4 of 10",
		"held 0 of 6",
	],
	[
		"the limit is filled",
		(e) => put(e, { orderId: "t", userId: "bob", priceTicks: 110, quantityLots: 15 }),
		"filled 10 of 10",
		"canceled 0 of 10",
	],
	[
		"the stop is triggered",
		(e) => {
			put(e, { orderId: "bid", userId: "bob", priceTicks: 80, quantityLots: 7 });
			tradeAt(e, 90);
		},
		"canceled 0 of 10",
		"expired 7 of 10",
	],
	["the stop is triggered and finds nobody", (e) => tradeAt(e, 89), "canceled 0 of 10", "rejected NO_LIQUIDITY"],
	["the limit is canceled", (e) => close(e, "limit", "canceled"), "canceled 0 of 10", "canceled 0 of 10"],
	["the stop is canceled", (e) => close(e, "stop", "canceled"), "canceled 0 of 10", "canceled 0 of 10"],
	["the time of the limit ends it", (e) => close(e, "limit", "expired"), "expired 0 of 10", "expired 0 of 10"],
	[
		"an order of its own user ends the limit",
		(e) => put(e, { orderId: "t", priceTicks: 110, selfTradePrevention: "expire_maker" }),
		"expired 0 of 10",
		"expired 0 of 10",
	],
	[
		"an order of its own user takes a part of the limit with it",
		(e) => put(e, { orderId: "t", priceTicks: 110, quantityLots: 3, selfTradePrevention: "decrement" }),
		"open 0 of 7",
		"held 0 of 7",
	],
	[
		"its user would replace the limit",
		(e) => put(e, { orderId: "t", side: "sell", priceTicks: 111, replaces: "limit" }),
		"open 0 of 10",
		"held 0 of 10",
	],
])("when %s, the pair is so", (_what, then, limit, stop) => {
	const execution = worldWith();
	sellPair(execution);
	then(execution);
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual([limit, stop]);
	const [left] = /held 0 of (\d+)/.exec(stop)?.slice(1) ?? ["0"];
	expect(heldBy(execution, "ann", "BTC")).toBe(BigInt(left ?? 0) * BTC_USD.lotUnits);
	expect(bestLevels(execution.book, "sell", 1)).toEqual(left === "0" ? [] : [[110, Number(left)]]);
	expect(execution.book.stops.count).toBe(left === "0" ? 0 : 1);
});

test.each<[what: string, limit: Over, stop: Over, balance: bigint, reason: string]>([
	["is not paid for", {}, {}, 999n, "INSUFFICIENT_FUNDS"],
	["takes what it must not", { postOnly: true, priceTicks: 99 }, {}, PLENTY, "POST_ONLY_WOULD_TAKE"],
	["meets its own user", { priceTicks: 98 }, {}, PLENTY, "SELF_TRADE_PREVENTED"],
])("a pair of which one %s is rejected whole", (_what, limit, stop, balance, reason) => {
	const execution = worldWith();
	const account = accountOf(execution.accounts, "ann", "BTC");
	account.balance = balance;
	put(execution, {
		orderId: "bid",
		userId: limit.postOnly ? "bob" : "ann",
		priceTicks: reason === "INSUFFICIENT_FUNDS" ? 50 : 99,
	});
	sellPair(execution, limit, stop);
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual([
		`rejected ${reason}`,
		`rejected ${reason}`,
	]);
	expect(heldBy(execution, "ann", "BTC")).toBe(0n);
});

test("a trailing stop without a price to trail takes its limit with it", () => {
	const execution = executionWith(["ann"], PLENTY);
	sellPair(execution, {}, { orderType: "trailing_stop", trailTicks: 5, stopTicks: null });
	expect(stateOf(execution, "limit")).toBe("rejected NO_LAST_PRICE");
	expect(execution.trades).toHaveLength(0);
	expect(bestLevels(execution.book, "sell", 1)).toEqual([]);
});

test("what a limit trades at once its stop never waits for", () => {
	const execution = worldWith();
	put(execution, { orderId: "bid", userId: "bob", priceTicks: 112, quantityLots: 4 });
	sellPair(execution);
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual([
		"partially_filled 4 of 10",
		"held 0 of 6",
	]);
	put(execution, { orderId: "bid2", userId: "bob", priceTicks: 111, quantityLots: 6 });
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual(["filled 10 of 10", "canceled 0 of 6"]);
});

test("a stop whose price has been reached leaves no place for its limit, a pair past its time for neither", () => {
	const execution = worldWith();
	put(execution, { orderId: "bid", userId: "bob", priceTicks: 95, quantityLots: 10 });
	sellPair(execution, {}, { stopTicks: 100 });
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual(["canceled 0 of 10", "filled 10 of 10"]);
	const past = { orderId: "l2", linkedTo: "s2", expiresAtMs: 1 };
	sellPair(execution, past, { orderId: "s2", linkedTo: "l2", expiresAtMs: 1 });
	expect([stateOf(execution, "l2"), stateOf(execution, "s2")]).toEqual(["expired 0 of 10", "expired 0 of 10"]);
});

test("a pair to buy holds what the dearer of the two may cost, and a triggered stop has all of it", () => {
	const execution = worldWith();
	// At 120, the higher fee of 20 basis points rounded down.
	const stopCost = 1_202n;
	Object.assign(accountOf(execution.accounts, "ann", "USD"), { balance: stopCost + 1_102n });
	// This one will need more than it holds, and finds no more.
	put(execution, { orderId: "first", orderType: "stop", priceTicks: null, stopTicks: 110, quantityLots: 10 });
	sellPair(
		execution,
		{ side: "buy", priceTicks: 90 },
		{ side: "buy", orderType: "stop_limit", stopTicks: 110, priceTicks: 120 },
	);
	expect(execution.changed.get("limit")?.hold).toBe(901n);
	expect(execution.changed.get("stop")?.hold).toBe(stopCost - 901n);
	tradeAt(execution, 109);
	put(execution, { orderId: "ask", userId: "bob", side: "sell", priceTicks: 115, quantityLots: 20 });
	put(execution, { orderId: "hit", userId: "cyd", priceTicks: 115, quantityLots: 1 });
	expect(stateOf(execution, "first")).toBe("rejected INSUFFICIENT_FUNDS");
	expect([stateOf(execution, "limit"), stateOf(execution, "stop")]).toEqual(["canceled 0 of 10", "filled 10 of 10"]);
	expect(heldBy(execution, "ann", "USD")).toBe(0n);
});
