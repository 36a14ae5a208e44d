import assert from "node:assert/strict";
import fc from "fast-check";
import { assertSolvent } from "../../../services/trading/domain/accounts.ts";
import { bestLevels, findOrder } from "../../../services/trading/domain/book.ts";
import { close, type Execution, submit } from "../../../services/trading/domain/execute.ts";
import { isWorking, remainingLots } from "../../../services/trading/domain/order.ts";
import { restingHold } from "../../../services/trading/domain/settlement.ts";
import { naiveBook } from "./naive-book.ts";
import { BTC_USD, executionWith, orderOf } from "./support.ts";

const USERS = ["ann", "bob", "cyd", "dan"] as const;

const submission = fc.record({
	kind: fc.constant("submit" as const),
	user: fc.constantFrom(...USERS),
	side: fc.constantFrom("buy" as const, "sell" as const),
	ticks: fc.option(fc.integer({ min: 95, max: 105 }), { freq: 8 }),
	rests: fc.boolean(),
	lots: fc.integer({ min: 1, max: 30 }),
});
const cancellation = fc.record({ kind: fc.constant("cancel" as const), nth: fc.nat({ max: 200 }) });
type Command = typeof submission | typeof cancellation extends fc.Arbitrary<infer T> ? T : never;
const commands = fc.array(fc.oneof({ weight: 4, arbitrary: submission }, { weight: 1, arbitrary: cancellation }), {
	minLength: 1,
	maxLength: 120,
});
/** The oracle sees at least 100,000 commands. */
const MANY = { numRuns: 1_000 };
const longCommands = fc.array(fc.oneof({ weight: 4, arbitrary: submission }, { weight: 1, arbitrary: cancellation }), {
	minLength: 100,
	maxLength: 150,
	size: "max",
});

function run(
	execution: Execution,
	all: readonly Command[],
	after: (command: Command, id: string) => void = () => {},
): void {
	const ids: string[] = [];
	for (const [i, command] of all.entries()) {
		if (command.kind === "submit") {
			const { user: userId, side, ticks: priceTicks, lots: quantityLots } = command;
			ids.push(`o${i}`);
			submit(
				execution,
				orderOf({
					orderId: `o${i}`,
					userId,
					side,
					priceTicks,
					quantityLots,
					rests: command.rests && priceTicks !== null,
				}),
			);
			after(command, `o${i}`);
		} else {
			const id = ids[command.nth % Math.max(ids.length, 1)];
			if (id !== undefined && findOrder(execution.book, id)) close(execution, id, "canceled");
			if (id !== undefined) after(command, id);
		}
	}
}

const total = (execution: Execution, asset: string) =>
	[...execution.accounts.byKey.values()]
		.filter((a) => a.asset === asset)
		.reduce((sum, account) => sum + account.balance, 0n);

test("the engine trades what the plain book trades, and leaves the same book", () => {
	fc.assert(
		fc.property(longCommands, (all) => {
			const execution = executionWith(USERS, 10n ** 30n);
			const naive = naiveBook();
			let told = 0;
			run(execution, all, (command, id) => {
				if (command.kind === "cancel") {
					naive.cancel(id);
				} else {
					const { user, side, ticks, lots } = command;
					const expected = naive.submit({ id, user, side, ticks, lots, rests: command.rests && ticks !== null });
					const traded = execution.trades
						.slice(told)
						.map((t) => ({ maker: t.maker.orderId, taker: t.taker.orderId, ticks: t.ticks, lots: t.lots }));
					assert.deepEqual(traded, expected);
					told = execution.trades.length;
				}
				for (const side of ["buy", "sell"] as const)
					assert.deepEqual(bestLevels(execution.book, side, 100), naive.levels(side));
			});
		}),
		MANY,
	);
});

test("money is neither made nor lost, nobody is overdrawn, and holds are what open orders can still cost", () => {
	fc.assert(
		fc.property(commands, fc.bigInt({ min: 0n, max: 30_000n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			const before = { BTC: total(execution, "BTC"), USD: total(execution, "USD") };
			run(execution, all, () => assertSolvent(execution.accounts));
			expect({ BTC: total(execution, "BTC"), USD: total(execution, "USD") }).toEqual(before);

			const held = new Map<string, bigint>();
			for (const order of execution.changed.values()) {
				const due = isWorking(order) ? restingHold(BTC_USD, order) : 0n;
				expect(order.hold).toBe(due);
				const key = `${order.userId}/${order.side === "buy" ? "USD" : "BTC"}`;
				held.set(key, (held.get(key) ?? 0n) + due);
			}
			for (const [key, account] of execution.accounts.byKey) expect(account.held).toBe(held.get(key) ?? 0n);
		}),
		{ numRuns: 400 },
	);
});

test("reports of an order are numbered without a gap and end with its end", () => {
	fc.assert(
		fc.property(commands, fc.bigInt({ min: 1_000n, max: 100_000n }), (all, balance) => {
			const execution = executionWith(USERS, balance);
			run(execution, all);
			const last = new Map<string, { seq: number; ended: boolean; filled: number }>();
			for (const { order } of execution.reports) {
				const before = last.get(order.orderId) ?? { seq: 0, ended: false, filled: 0 };
				expect(before.ended).toBe(false);
				expect(order.reportSeq).toBe(before.seq + 1);
				expect(order.filledLots).toBeGreaterThanOrEqual(before.filled);
				expect(order.status === "filled").toBe(remainingLots(order) === 0);
				last.set(order.orderId, { seq: order.reportSeq, ended: !isWorking(order), filled: order.filledLots });
			}
		}),
		{ numRuns: 200 },
	);
});
