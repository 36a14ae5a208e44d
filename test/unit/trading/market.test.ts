import {
	feeOn,
	fromLots,
	fromTicks,
	marketOf,
	notionalOf,
	toLots,
	toTicks,
	worstCost,
} from "../../../services/trading/domain/market.ts";
import { BTC_USD } from "./support.ts";

test("prices become ticks and quantities lots, and back, without losing a digit", () => {
	expect(toTicks(BTC_USD, "61837.63")).toBe(6_183_763);
	expect(fromTicks(BTC_USD, 6_183_763)).toBe("61837.63");
	expect(toLots(BTC_USD, "0.00000001")).toBe(1);
	expect(fromLots(BTC_USD, 12_345_678)).toBe("0.12345678");
});

test.each(["61837.635", "0", "-1", "90071992547409.92"])("a price of %s is off the grid", (price) => {
	expect(() => toTicks(BTC_USD, price)).toThrow();
});

test("the smallest trade has an exact price", () => {
	expect(notionalOf(BTC_USD, 1, 1)).toBe(1n); // 0.01 x 0.00000001 = 10^-10
});

test("a market whose tick times lot is finer than an amount is not opened", () => {
	const rules = {
		symbol: "X-Y",
		base_asset: "X",
		quote_asset: "Y",
		maker_fee_bps: 0,
		taker_fee_bps: 0,
		status: "trading",
	} as const;
	expect(() => marketOf({ ...rules, tick_size: "0.001", lot_size: "0.00000001" })).toThrow("finer");
});

test.each([
	[10_000n, 10, 10n],
	[9_999n, 10, 9n],
	[999n, 10, 0n],
	[10_000n, 0, 0n],
])("the fee on %d units at %d bp is %d: rounded down", (notional, bps, fee) => {
	expect(feeOn(notional, bps)).toBe(fee);
});

test("the worst cost takes the higher of the two fees", () => {
	expect(worstCost(BTC_USD, 100, 1_000_000)).toBe(100_000_000n + 200_000n);
});
