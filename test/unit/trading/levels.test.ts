import assert from "node:assert/strict";
import fc from "fast-check";
import { dropLevel, emptyLevels, type Levels, levelAt, openLevel } from "../../../services/trading/domain/levels.ts";

function ticksOf(levels: Levels): number[] {
	const ticks: number[] = [];
	for (let level = levels.best; level; level = level.worse) ticks.push(level.ticks);
	return ticks;
}

test.each([["buy"], ["sell"]] as const)("the levels of a %s side are what a sorted list would be", (side) => {
	const prices = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 1_000, size: "max" });
	fc.assert(
		fc.property(prices, (all) => {
			const levels = emptyLevels(side);
			const plain = new Set<number>();
			for (const ticks of all) {
				const level = levelAt(levels, ticks);
				expect(level?.ticks).toBe(plain.has(ticks) ? ticks : undefined);
				if (level) dropLevel(levels, level);
				else openLevel(levels, ticks);
				if (!plain.delete(ticks)) plain.add(ticks);
			}
			const best = [...plain].sort((a, b) => (side === "buy" ? b - a : a - b));
			assert.deepEqual(ticksOf(levels), best);
			for (const ticks of plain) expect(openLevel(levels, ticks)).toBe(levelAt(levels, ticks));
			expect(ticksOf(levels).length).toBe(plain.size);
		}),
		{ numRuns: 50 },
	);
});

test("a level knows its neighbours on both sides", () => {
	const levels = emptyLevels("sell");
	for (const ticks of [30, 10, 20]) openLevel(levels, ticks);
	const middle = levelAt(levels, 20);
	expect([middle?.better?.ticks, middle?.worse?.ticks]).toEqual([10, 30]);
	expect(levels.best?.ticks).toBe(10);
});
