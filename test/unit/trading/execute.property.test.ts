import assert from "node:assert/strict";
import fc from "fast-check";
import { assertSolvent } from "../../../services/trading/domain/accounts.ts";
import type { Execution } from "../../../services/trading/domain/execution.ts";
import { type ExecutionOrder, isWorking, remainingLots } from "../../../services/trading/domain/order.ts";
import { twinOf } from "../../../services/trading/domain/pairs.ts";
import { ownersInReach } from "../../../services/trading/domain/reach.ts";
import { excessHold, openHold } from "../../../services/trading/domain/settlement.ts";
import { command, ordersOfStep, run, stepsOf, USERS } from "./commands.ts";
import { BTC_USD, executionWith } from "./support.ts";

const commands = fc.array(command, { minLength: 1, maxLength: 120, size: "max" });
const manyCommands = fc.array(command, { minLength: 100, maxLength: 120, size: "max" });

/** Of a pair the limit holds what it may cost, and the stop what it may cost beyond that. */
function dueOf({ book }: Execution, order: ExecutionOrder): bigint {
	const twin = twinOf(book, order);
	return twin && order.orderType !== "limit" ? excessHold(BTC_USD, order, twin) : openHold(BTC_USD, order);
}

const total = (execution: Execution, asset: string) =>
	[...execution.accounts.byKey.values()]
		.filter((account) => account.asset === asset)
		.reduce((sum, account) => sum + account.balance, 0n);

test("money is neither made nor lost, nobody is overdrawn, and holds are what open orders can still cost", () => {
	fc.assert(
		fc.property(commands, fc.bigInt({ min: 0n, max: 30_000n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			const before = { BTC: total(execution, "BTC"), USD: total(execution, "USD") };
			run(execution, stepsOf(all), () => assertSolvent(execution.accounts));
			expect({ BTC: total(execution, "BTC"), USD: total(execution, "USD") }).toEqual(before);

			const held = new Map<string, bigint>();
			for (const order of execution.changed.values()) {
				const due = isWorking(order) ? dueOf(execution, order) : 0n;
				assert.equal(order.hold, due, order.orderId);
				const key = `${order.userId}/${order.side === "buy" ? "USD" : "BTC"}`;
				held.set(key, (held.get(key) ?? 0n) + due);
			}
			for (const [key, account] of execution.accounts.byKey) assert.equal(account.held, held.get(key) ?? 0n, key);
		}),
		{ numRuns: 400 },
	);
});

test("a market buy by notional never costs more than its notional, fees and all", () => {
	let filled = 0;
	fc.assert(
		fc.property(manyCommands, fc.bigInt({ min: 5_000n, max: 10n ** 12n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			run(execution, stepsOf(all));
			for (const order of execution.changed.values()) {
				if (order.notional === null) continue;
				assert(order.filledNotional + order.fee <= order.notional);
				if (order.status === "filled") filled += 1;
			}
		}),
		{ numRuns: 400 },
	);
	expect(filled).toBeGreaterThan(50);
});

test("reports of an order are numbered without a gap and end with its end", () => {
	fc.assert(
		fc.property(commands, fc.bigInt({ min: 1_000n, max: 100_000n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			run(execution, stepsOf(all));
			const last = new Map<string, { seq: number; ended: boolean; filled: number }>();
			for (const { order } of execution.reports) {
				const before = last.get(order.orderId) ?? { seq: 0, ended: false, filled: 0 };
				assert.equal(before.ended, false);
				assert.equal(order.reportSeq, before.seq + 1);
				assert(order.filledLots >= before.filled);
				if (order.status === "filled") assert.equal(remainingLots(order), 0);
				if (isWorking(order)) assert(remainingLots(order) > 0 || order.notional !== null);
				last.set(order.orderId, { seq: order.reportSeq, ended: !isWorking(order), filled: order.filledLots });
			}
		}),
		{ numRuns: 200 },
	);
});

test("a pair never trades more than its quantity, has as much left on both sides, and is held once", () => {
	let shared = 0;
	const traded = { limit: 0, stop: 0 };
	fc.assert(
		fc.property(commands, fc.bigInt({ min: 1_000n, max: 100_000n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			const steps = stepsOf(all);
			const find = (terms: { orderId: string }) => execution.changed.get(terms.orderId);
			run(execution, steps, () => {
				for (const { asked, stop: second } of steps) {
					const [limit, stop] = second ? [find(asked.terms), find(second.terms)] : [];
					if (!limit || !stop) continue;
					assert(limit.filledLots + stop.filledLots <= asked.lots);
					const both = isWorking(limit) && isWorking(stop);
					// A limit works only while its stop waits; a stop that waits has a limit that works.
					assert.equal(both, isWorking(limit));
					assert.equal(both, stop.status === "held");
					if (!both) continue;
					assert.equal(remainingLots(limit), remainingLots(stop));
					const [a, b] = [openHold(BTC_USD, limit), openHold(BTC_USD, stop)];
					assert.equal(limit.hold + stop.hold, a > b ? a : b);
					if (limit.filledLots > 0) shared += 1;
				}
			});
			for (const { asked, stop } of steps) {
				if (stop && (find(asked.terms)?.filledLots ?? 0) > 0) traded.limit += 1;
				if (stop && (find(stop.terms)?.filledLots ?? 0) > 0) traded.stop += 1;
			}
		}),
		{ numRuns: 200 },
	);
	expect(Math.min(shared, traded.limit, traded.stop)).toBeGreaterThan(50);
});

test("a batch moves the money of nobody out of its reach", () => {
	let beyond = 0;
	fc.assert(
		fc.property(commands, fc.array(command, { minLength: 1, maxLength: 6 }), (before, together) => {
			const execution = executionWith(USERS, 10n ** 30n);
			const steps = stepsOf([...before, ...together]);
			const batch = steps.filter(({ atMs }) => atMs > before.length);
			run(execution, steps.slice(0, steps.length - batch.length));
			const reach = ownersInReach(BTC_USD, execution.book, batch.flatMap(ordersOfStep));
			const then = [...execution.accounts.byKey].map(([key, { owner, balance, held }]) => ({
				key,
				owner,
				balance,
				held,
			}));
			run(execution, batch);
			for (const { key, owner, balance, held } of then) {
				if (reach.has(owner) || owner.startsWith("fees:")) continue;
				const now = execution.accounts.byKey.get(key);
				assert.deepEqual([now?.balance, now?.held], [balance, held], key);
				beyond += 1;
			}
		}),
		{ numRuns: 400 },
	);
	expect(beyond).toBeGreaterThan(100);
});
