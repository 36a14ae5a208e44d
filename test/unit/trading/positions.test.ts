import assert from "node:assert/strict";
import fc from "fast-check";
import { notionalOf } from "../../../services/trading/domain/market.ts";
import { afterFill, FLAT, type PositionFill, unrealizedAt } from "../../../services/trading/domain/positions.ts";
import { BTC_USD } from "./support.ts";

const fill = (side: "buy" | "sell", lots: number, ticks: number): PositionFill => ({ side, lots, ticks, fee: 1n });
const after = (...fills: PositionFill[]) => fills.reduce((position, next) => afterFill(BTC_USD, position, next), FLAT);

test.each([
	["bought at two prices", [fill("buy", 2, 100), fill("buy", 2, 200)], 4n, 600n, 0n],
	["sold in part", [fill("buy", 2, 100), fill("buy", 2, 200), fill("sell", 1, 300)], 3n, 450n, 150n],
	["sold out", [fill("buy", 2, 100), fill("sell", 2, 90)], 0n, 0n, -20n],
	["sold short", [fill("sell", 2, 100)], -2n, -200n, 0n],
	["bought back in part", [fill("sell", 2, 100), fill("buy", 1, 70)], -1n, -100n, 30n],
	["turned from long to short", [fill("buy", 2, 100), fill("sell", 5, 110)], -3n, -330n, 20n],
	["turned from short to long", [fill("sell", 2, 100), fill("buy", 5, 90)], 3n, 270n, 20n],
	[
		"sold by thirds: the remainder stays with the rest",
		[fill("buy", 3, 100), fill("buy", 1, 101), fill("sell", 1, 100)],
		3n,
		301n,
		0n,
	],
] as const)("a position that was %s", (_what, fills, lots, cost, realized) => {
	expect(after(...fills)).toEqual({ lots, cost, realized, fees: BigInt(fills.length) });
});

test("what a position would bring now is its value less its cost", () => {
	expect(unrealizedAt(BTC_USD, after(fill("buy", 2, 100)), 130)).toBe(60n);
	expect(unrealizedAt(BTC_USD, after(fill("sell", 2, 100)), 130)).toBe(-60n);
});

test("profit, realised or not, is exactly what came in less what went out", () => {
	const fills = fc.array(
		fc.record({
			side: fc.constantFrom("buy" as const, "sell" as const),
			lots: fc.integer({ min: 1, max: 1_000 }),
			ticks: fc.integer({ min: 1, max: 1_000 }),
			fee: fc.constant(0n),
		}),
		{ maxLength: 50 },
	);
	fc.assert(
		fc.property(fills, fc.integer({ min: 1, max: 1_000 }), (all, ticks) => {
			const position = after(...all);
			const flow = all.reduce(
				(sum, { side, lots, ticks: at }) => sum + (side === "sell" ? 1n : -1n) * notionalOf(BTC_USD, at, lots),
				0n,
			);
			const value = position.lots * notionalOf(BTC_USD, ticks, 1);
			assert.equal(position.realized + unrealizedAt(BTC_USD, position, ticks), flow + value);
			assert(position.cost * position.lots >= 0n);
		}),
	);
});
