import {
	type Account,
	accountKey,
	accountOf,
	emptyAccount,
	feeAccountOf,
} from "../../../services/trading/domain/accounts.ts";
import { emptyBook } from "../../../services/trading/domain/book.ts";
import { submit } from "../../../services/trading/domain/execute.ts";
import { beginExecution, type Execution } from "../../../services/trading/domain/execution.ts";
import { type Market, marketOf } from "../../../services/trading/domain/market.ts";
import { type ExecutionOrder, newOrder } from "../../../services/trading/domain/order.ts";

export const BTC_USD = marketOf({
	symbol: "BTC-USD",
	base_asset: "BTC",
	quote_asset: "USD",
	tick_size: "0.01",
	lot_size: "0.00000001",
	maker_fee_bps: 10,
	taker_fee_bps: 20,
	status: "trading",
});

/** More of an asset than any test spends, in units. */
export const PLENTY = 10n ** 20n;

/** What differs from the usual terms of an order. */
type Over = Partial<ExecutionOrder> & { readonly orderId: string };

/** A limit buy of 10 lots at 100 by ann, but for what is told. */
export function orderOf(over: Over): ExecutionOrder {
	const terms = {
		userId: "ann",
		side: "buy",
		orderType: "limit",
		timeInForce: "gtc",
		priceTicks: 100,
		notional: null,
		trailTicks: null,
		trailBps: null,
		postOnly: false,
		reduceOnly: false,
		displayLots: null,
		selfTradePrevention: "expire_taker",
		expiresAtMs: null,
		replaces: null,
		linkedTo: null,
		...over,
	} as const;
	const order = newOrder(terms, over.quantityLots ?? 10, over.stopTicks ?? null);
	return Object.assign(order, over);
}

/** A market order by ann, without a price. */
export function marketOrderOf(over: Over): ExecutionOrder {
	return orderOf({ orderType: "market", priceTicks: null, ...over });
}

/** What a market order of `notional` units is before it has met anybody. */
export function notionalOrderOf(orderId: string, userId: string, notional: bigint): ExecutionOrder {
	return marketOrderOf({ orderId, userId, notional, quantityLots: 0 });
}

/** The terms of a stop at 100, but for what is told. */
export function stopOf(over: Over): Over {
	return { orderType: "stop", priceTicks: null, stopTicks: 100, ...over };
}

/** An execution in which each of `users` has `balance` units of both assets. */
export function executionWith(users: readonly string[], balance: bigint, market: Market = BTC_USD): Execution {
	const byKey = new Map<string, Account>();
	for (const owner of [...users, feeAccountOf(market.symbol)])
		for (const asset of [market.baseAsset, market.quoteAsset])
			byKey.set(accountKey(owner, asset), {
				...emptyAccount(owner, asset),
				balance: users.includes(owner) ? balance : 0n,
			});
	let ids = 0;
	return beginExecution({
		market,
		book: emptyBook(),
		accounts: { byKey, postings: [] },
		newId: () => `t${++ids}`,
		nowMs: 1_000,
		bandBps: null,
		lastTicks: null,
		tradeSeq: 0,
		arrivalSeq: 0,
	});
}

/** An execution in which ann, bob and cyd have plenty of both assets; other than usual as told. */
export function marketWith(over: Partial<Execution> = {}): Execution {
	return { ...executionWith(["ann", "bob", "cyd"], PLENTY), ...over };
}

/** Submits limit buys of 10 lots at 100 by ann, but for what is told of each, one after the other. */
export function put(execution: Execution, ...orders: readonly Over[]): void {
	for (const order of orders) submit(execution, orderOf(order));
}

/** The status of an order, and why it was rejected or else how many lots are filled. */
export function stateOf(execution: Execution, id: string): readonly unknown[] {
	const order = execution.changed.get(id);
	return [order?.status, order?.rejectReason ?? order?.filledLots];
}

/** How many units of an asset are held of what `owner` has. */
export function heldBy(execution: Execution, owner: string, asset: string): bigint {
	return accountOf(execution.accounts, owner, asset).held;
}

/** Makes `ticks` the last price by a trade of cyd and bob that leaves nothing in the book. */
export function tradeAt(execution: Execution, ticks: number): void {
	put(
		execution,
		{ orderId: `at${ticks}-s`, userId: "cyd", side: "sell", priceTicks: ticks, quantityLots: 1 },
		{ orderId: `at${ticks}-b`, userId: "bob", priceTicks: ticks, quantityLots: 1 },
	);
}
