import assert from "node:assert/strict";
import fc from "fast-check";
import { append, emptyLevels, type Levels, levelAt, succeed, unlink } from "../../../services/trading/domain/levels.ts";
import type { ExecutionOrder } from "../../../services/trading/domain/order.ts";
import { orderOf } from "./support.ts";

function ticksOf(levels: Levels): number[] {
	const ticks: number[] = [];
	for (let level = levels.best; level; level = level.worse) ticks.push(level.ticks);
	return ticks;
}

test.each([["highest"], ["lowest"]] as const)("levels, the %s best, are what a sorted list would be", (best) => {
	const prices = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 1_000, size: "max" });
	fc.assert(
		fc.property(prices, (all) => {
			const levels = emptyLevels(best);
			const plain = new Map<number, ExecutionOrder>();
			for (const ticks of all) {
				const [level, order] = [levelAt(levels, ticks), plain.get(ticks)];
				assert.equal(level?.first, order);
				if (level && order) {
					unlink(order, level);
					plain.delete(ticks);
				} else {
					const added = orderOf({ orderId: `${ticks}` });
					append(levels, ticks, added);
					plain.set(ticks, added);
				}
			}
			const sorted = [...plain.keys()].sort((a, b) => (best === "highest" ? b - a : a - b));
			assert.deepEqual(ticksOf(levels), sorted);
			assert.equal(levels.orders, plain.size);
		}),
		{ numRuns: 50 },
	);
});

test("a level knows its neighbours on both sides", () => {
	const levels = emptyLevels("lowest");
	for (const ticks of [30, 10, 20]) append(levels, ticks, orderOf({ orderId: `${ticks}` }));
	const middle = levelAt(levels, 20);
	expect([middle?.better?.ticks, middle?.worse?.ticks]).toEqual([10, 30]);
	expect(levels.best?.ticks).toBe(10);
});

test("whoever succeeds an order stands where it stood", () => {
	const levels = emptyLevels("lowest");
	const orders = ["a", "b", "c"].map((orderId) => orderOf({ orderId, visibleLots: 5 }));
	for (const order of orders) append(levels, 10, order);
	for (const order of orders)
		succeed(order, order.level as never, orderOf({ orderId: `${order.orderId}2`, visibleLots: 2 }));
	const ids: string[] = [];
	for (let order = levels.best?.first ?? null; order; order = order.next) ids.push(order.orderId);
	expect(ids).toEqual(["a2", "b2", "c2"]);
	expect(levels.best?.lots).toBe(6);
	expect(levels.orders).toBe(3);
});
