import { type Account, accountKey, emptyAccount, feeAccountOf } from "../../../services/trading/domain/accounts.ts";
import { emptyBook } from "../../../services/trading/domain/book.ts";
import type { Execution } from "../../../services/trading/domain/execute.ts";
import { type Market, marketOf } from "../../../services/trading/domain/market.ts";
import type { ExecutionOrder } from "../../../services/trading/domain/order.ts";

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

export function orderOf(over: Partial<ExecutionOrder> & { readonly orderId: string }): ExecutionOrder {
	return {
		userId: "ann",
		side: "buy",
		priceTicks: 100,
		rests: true,
		quantityLots: 10,
		filledLots: 0,
		filledNotional: 0n,
		fee: 0n,
		hold: 0n,
		status: "open",
		rejectReason: null,
		reportSeq: 0,
		arrivalSeq: 0,
		level: null,
		previous: null,
		next: null,
		...over,
	};
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
	return {
		market,
		book: emptyBook(),
		accounts: { byKey, postings: [] },
		newId: () => `t${++ids}`,
		tradeSeq: 0,
		arrivalSeq: 0,
		trades: [],
		reports: [],
		changed: new Map(),
	};
}
