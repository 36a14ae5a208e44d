import type { SubmitOrder } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { stage } from "../../lib/event-bus/outbox.ts";
import { newId } from "../../lib/id.ts";
import { lockAccounts } from "../../services/trading/account.store.ts";
import { feeAccountOf } from "../../services/trading/domain/accounts.ts";
import { emptyBook } from "../../services/trading/domain/book.ts";
import { beginExecution } from "../../services/trading/domain/execution.ts";
import { fromLots, fromTicks, type Market } from "../../services/trading/domain/market.ts";
import { loadCounters, saveExecution } from "../../services/trading/execution.store.ts";
import { readNow } from "../../services/trading/market.store.ts";
import { executeAll } from "../../services/trading/market-batch.ts";
import { executionOrderOf } from "../../services/trading/submission.ts";
import { PLAIN } from "../../test/support/orders.ts";

/** As many in one commit as its statements take in their time. */
const BATCH = 5_000;
/** Orders rest at prices this far from the middle at the most, so that many share one, as they do in a market. */
const LEVELS_PER_SIDE = 5_000;
const MIDDLE_TICKS = 1_000_000;
const LOTS = 100;

/** A limit order of `userId` that rests, the `i`-th of a row that goes over both sides and all levels. */
export function restingOrder(market: Market, userId: string, i: number): SubmitOrder {
	const away = 1 + (Math.floor(i / 2) % LEVELS_PER_SIDE);
	const buys = i % 2 === 0;
	return {
		...PLAIN,
		order_id: newId(),
		user_id: userId,
		symbol: market.symbol,
		side: buys ? "buy" : "sell",
		order_type: "limit",
		time_in_force: "gtc",
		quantity: fromLots(market, LOTS),
		price: fromTicks(market, buys ? MIDDLE_TICKS - away : MIDDLE_TICKS + away),
	};
}

/**
 * Fills a market that nobody owns with `orders` resting ones of `users`, who have the money: by the engine and the
 * stores of its writer, in larger commits than a writer's. Their events count as published.
 */
export async function fillMarket(
	db: Db,
	market: Market,
	users: readonly string[],
	orders: number,
	onFilled: (orders: number) => void,
): Promise<void> {
	for (let made = 0; made < orders; made += BATCH) {
		const count = Math.min(BATCH, orders - made);
		const batch = Array.from({ length: count }, (_, i) =>
			restingOrder(market, users[(made + i) % users.length] as string, made + i),
		);
		await db.transaction((tx) => place(tx, market, users, batch));
		onFilled(count);
	}
	// Else it is done by itself while something is measured.
	for (const table of ["orders", "outbox"]) await db.query(`VACUUM ANALYZE ${table}`);
}

async function place(tx: Tx, market: Market, users: readonly string[], batch: readonly SubmitOrder[]): Promise<void> {
	const [now, accounts, counters] = [
		await readNow(tx),
		await lockAccounts(tx, [...users, feeAccountOf(market.symbol)], [market.baseAsset, market.quoteAsset]),
		await loadCounters(tx, market),
	];
	const scene = { market, book: emptyBook(), accounts, newId, nowMs: now.getTime(), bandBps: null };
	const execution = beginExecution({ ...scene, ...counters });
	const origin = { correlation_id: newId(), actor: null };
	const commands = batch.map((order) => ({ kind: "submit", order, origin }) as const);
	const orders = batch.map((order) => [executionOrderOf(market, order)] as const);
	const { executed, events } = executeAll(execution, commands, orders, new Set(), now);
	const other = executed.find((one) => one.at !== "here" || one.reports[0]?.status !== "open");
	if (other) throw new Error(`an order did not come to rest: ${JSON.stringify(other)}`);
	saveExecution(tx, execution, now);
	stage(tx, "trading", events);
	await tx.query("DELETE FROM outbox_queue");
}
