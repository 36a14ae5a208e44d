import { type Accounts, accountOf, post } from "../../../services/trading/domain/accounts.ts";
import { close, closeUnknown, submit } from "../../../services/trading/domain/execute.ts";
import type { Execution } from "../../../services/trading/domain/execution.ts";
import { BTC_USD, executionWith, marketOrderOf, orderOf, PLENTY } from "./support.ts";

const lastOf = (execution: Execution) => execution.reports.at(-1)?.order;
const moneyOf = (accounts: Accounts, owner: string, asset: string) => {
	const { balance, held } = accountOf(accounts, owner, asset);
	return { balance, held };
};

test("a limit order that meets nobody rests and holds its worst cost", () => {
	const execution = executionWith(["ann"], PLENTY);
	submit(execution, orderOf({ orderId: "a", priceTicks: 100, quantityLots: 1_000_000 }));
	expect(lastOf(execution)).toMatchObject({ status: "open", reportSeq: 1, hold: 100_200_000n });
	expect(moneyOf(execution.accounts, "ann", "USD")).toEqual({ balance: PLENTY, held: 100_200_000n });
});

test("a crossing order pays the resting price; both sides pay their fee in the quote asset", () => {
	const execution = executionWith(["ann", "bob"], PLENTY);
	submit(execution, orderOf({ orderId: "a", side: "sell", priceTicks: 100, quantityLots: 1_000_000 }));
	submit(execution, orderOf({ orderId: "b", userId: "bob", priceTicks: 110, quantityLots: 1_000_000 }));
	expect(execution.reports.map(({ order }) => [order.orderId, order.status, order.reportSeq])).toEqual([
		["a", "open", 1],
		["a", "filled", 2],
		["b", "filled", 1],
	]);
	expect(moneyOf(execution.accounts, "ann", "USD")).toEqual({ balance: PLENTY + 100_000_000n - 100_000n, held: 0n });
	expect(moneyOf(execution.accounts, "bob", "USD")).toEqual({ balance: PLENTY - 100_000_000n - 200_000n, held: 0n });
	expect(moneyOf(execution.accounts, "fees:BTC-USD", "USD").balance).toBe(300_000n);
});

test("what a gtc order cannot match rests; what an ioc order cannot match expires", () => {
	for (const [timeInForce, status] of [
		["gtc", "partially_filled"],
		["ioc", "expired"],
	] as const) {
		const execution = executionWith(["ann", "bob"], PLENTY);
		submit(execution, orderOf({ orderId: "a", side: "sell", quantityLots: 4 }));
		submit(execution, orderOf({ orderId: "b", userId: "bob", quantityLots: 10, timeInForce }));
		expect(lastOf(execution)).toMatchObject({ orderId: "b", status, filledLots: 4 });
	}
});

test.each([
	["a limit order beyond its user's means", {}, 1_001n, "INSUFFICIENT_FUNDS"],
	["a sale of more than its user has", { side: "sell", quantityLots: 100 }, 1n, "INSUFFICIENT_FUNDS"],
	["a market order on an empty book", { orderType: "market", priceTicks: null }, PLENTY, "NO_LIQUIDITY"],
] as const)("%s is rejected and leaves nothing", (_what, over, balance, reason) => {
	const execution = executionWith(["ann"], balance);
	submit(execution, orderOf({ orderId: "a", ...over }));
	expect(lastOf(execution)).toMatchObject({ status: "rejected", rejectReason: reason, hold: 0n });
	expect(execution.accounts.postings).toEqual([]);
	expect([...execution.accounts.byKey.values()].every((account) => account.heldDelta === 0n)).toBe(true);
});

test("a market order that can pay for what it meets is filled; one that cannot trades nothing", () => {
	for (const [balance, status] of [
		[10_020_000n, "filled"],
		[10_019_999n, "rejected"],
	] as const) {
		const execution = executionWith(["ann", "bob"], PLENTY);
		accountOf(execution.accounts, "bob", "USD").balance = balance;
		submit(execution, orderOf({ orderId: "a", side: "sell", quantityLots: 100_000 }));
		submit(execution, marketOrderOf({ orderId: "b", userId: "bob", quantityLots: 100_000 }));
		expect(lastOf(execution)).toMatchObject({ orderId: "b", status });
	}
});

test("an order never trades with its own user: it expires where it would", () => {
	const execution = executionWith(["ann", "bob"], PLENTY);
	submit(execution, orderOf({ orderId: "bob", userId: "bob", side: "sell", quantityLots: 3 }));
	submit(execution, orderOf({ orderId: "own", side: "sell" }));
	submit(execution, orderOf({ orderId: "t", quantityLots: 10 }));
	expect(lastOf(execution)).toMatchObject({ orderId: "t", status: "expired", filledLots: 3 });
	submit(execution, orderOf({ orderId: "u", quantityLots: 10 }));
	expect(lastOf(execution)).toMatchObject({ orderId: "u", status: "rejected", rejectReason: "SELF_TRADE_PREVENTED" });
});

test("a halted market takes no order but lets one be canceled", () => {
	const execution = { ...executionWith(["ann"], PLENTY), market: { ...BTC_USD, status: "halted" as const } };
	submit(execution, orderOf({ orderId: "a" }));
	expect(lastOf(execution)).toMatchObject({ status: "rejected", rejectReason: "MARKET_NOT_OPEN" });
});

test("a canceled order gives back all that it held", () => {
	const execution = executionWith(["ann"], PLENTY);
	submit(execution, orderOf({ orderId: "a" }));
	close(execution, "a", "canceled");
	expect(lastOf(execution)).toMatchObject({ status: "canceled", reportSeq: 2, hold: 0n });
	expect(moneyOf(execution.accounts, "ann", "USD")).toEqual({ balance: PLENTY, held: 0n });
	expect(() => close(execution, "a", "canceled")).toThrow("not in the book");
});

test("an order that never arrived is kept as ended, without money", () => {
	const execution = executionWith(["ann"], 0n);
	closeUnknown(execution, orderOf({ orderId: "a" }), "expired");
	expect(lastOf(execution)).toMatchObject({ status: "expired", reportSeq: 1, hold: 0n });
});

test("a journal that is out of balance is refused whole", () => {
	const execution = executionWith(["ann", "bob"], PLENTY);
	const line = { journalId: "j", kind: "trade", referenceId: "r", asset: "USD" } as const;
	expect(() =>
		post(execution.accounts, [
			{ ...line, owner: "ann", amount: 5n },
			{ ...line, owner: "bob", amount: -4n },
		]),
	).toThrow("off by 1");
	expect(execution.accounts.postings).toEqual([]);
});

test("an order that sweeps through many makers is told of in several reports, each fill once", () => {
	const makers = Array.from({ length: 1_200 }, (_, i) => `m${i}`);
	const execution = executionWith(["ann", ...makers], PLENTY);
	for (const maker of makers)
		submit(execution, orderOf({ orderId: maker, userId: maker, side: "sell", quantityLots: 1 }));
	submit(execution, orderOf({ orderId: "t", quantityLots: 1_200 }));
	const own = execution.reports.filter(({ order }) => order.orderId === "t");
	expect(own.map(({ order, trades }) => [order.reportSeq, order.status, order.filledLots, trades.length])).toEqual([
		[1, "partially_filled", 500, 500],
		[2, "partially_filled", 1_000, 500],
		[3, "filled", 1_200, 200],
	]);
	for (const { order, trades } of own) for (const trade of trades) expect(trade.takerReportSeq).toBe(order.reportSeq);
});
