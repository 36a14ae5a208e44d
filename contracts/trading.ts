import type { Decimal, Page, PageQuery, Timestamp } from "./common.ts";
import type { OrderStatus, OrderTerms, RejectCode, Side } from "./orders.ts";

/**
 * An order that `orders` has kept and `risk` has allowed. The quantity of one that replaces another counts what that
 * one has filled.
 */
export interface SubmitOrder extends OrderTerms {
	readonly order_id: string;
	readonly user_id: string;
	readonly replaces: string | null;
}

/** Two orders for the same quantity on the same side of which one cancels the other; their money is held once. */
export interface SubmitPair {
	readonly limit: SubmitOrder;
	readonly stop: SubmitOrder;
}

/** One side of a trade. Fees are charged in the quote asset. */
export interface Fill {
	readonly trade_id: string;
	readonly order_id: string;
	readonly user_id: string;
	readonly symbol: string;
	readonly side: Side;
	readonly liquidity: "maker" | "taker";
	readonly price: Decimal;
	readonly quantity: Decimal;
	readonly fee: Decimal;
	readonly fee_asset: string;
	readonly report_seq: number;
	readonly created_at: Timestamp;
}

/** Where a working order stands in its book, so that the book can be made again from reports alone. */
export interface Standing {
	/** Its place in time among the orders of its market. */
	readonly arrival_seq: number;
	/** What the book shows of it. */
	readonly visible_quantity: Decimal;
	/** Where a stop is triggered; of a trailing one, where it was when it came. */
	readonly stop_price: Decimal | null;
	/** The other one of a pair. */
	readonly linked_to: string | null;
	/** Of a trailing stop, the best price that it had seen by the trade `trade_seq`. */
	readonly trailing: { readonly best_price: Decimal; readonly trade_seq: number } | null;
}

/**
 * The state of an order in its book after one command touched it. Reports of an order are numbered from 1 without a
 * gap; `fills` are those of the reports after `previous_seq` up to `report_seq`, all amounts are totals.
 */
export interface ExecutionReport {
	readonly order_id: string;
	readonly user_id: string;
	readonly symbol: string;
	readonly previous_seq: number;
	readonly report_seq: number;
	readonly status: Exclude<OrderStatus, "pending">;
	readonly reject_code: RejectCode | null;
	readonly replaced_by: string | null;
	readonly quantity: Decimal;
	readonly filled_quantity: Decimal;
	readonly filled_notional: Decimal;
	readonly fee: Decimal;
	readonly fee_asset: string;
	readonly fills: readonly Fill[];
	/** Of a working order, in the report of the command itself. */
	readonly standing?: Standing;
	readonly timestamp: Timestamp;
}

/** A trade as the public tape shows it; `trade_seq` counts a symbol's trades from 1 without a gap. */
export interface Trade {
	readonly trade_id: string;
	readonly trade_seq: number;
	readonly symbol: string;
	readonly price: Decimal;
	readonly quantity: Decimal;
	readonly taker_side: Side;
	readonly created_at: Timestamp;
}

export interface TradeExecuted extends Trade {
	readonly maker_order_id: string;
	readonly taker_order_id: string;
}

/** `available = balance - held`. */
export interface Balance {
	readonly asset: string;
	readonly balance: Decimal;
	readonly held: Decimal;
	readonly available: Decimal;
}

/**
 * What a user has bought of a symbol less what was sold, at average cost; negative when more was sold. Money is in the
 * quote asset. Profits are before `fees`; unrealised at the last price.
 */
export interface Position {
	readonly symbol: string;
	readonly quantity: Decimal;
	/** Null on a position that is closed. */
	readonly average_price: Decimal | null;
	readonly cost: Decimal;
	readonly last_price: Decimal;
	readonly value: Decimal;
	readonly realized_profit: Decimal;
	readonly unrealized_profit: Decimal;
	readonly fees: Decimal;
	readonly updated_at: Timestamp;
}

/** What there is of an asset and what it is worth; `price` and `value` are null without a market that has traded. */
export interface Holding {
	readonly asset: string;
	readonly balance: Decimal;
	readonly price: Decimal | null;
	readonly value: Decimal | null;
}

/** A user's account counted in `asset`: `equity` is the value of all holdings that have one, profits of its markets. */
export interface Account {
	readonly asset: string;
	readonly equity: Decimal;
	readonly realized_profit: Decimal;
	readonly unrealized_profit: Decimal;
	readonly fees: Decimal;
	readonly holdings: readonly Holding[];
}

/** One line of the double-entry ledger on an own account; a journal's postings add up to 0 per asset. */
export interface Posting {
	readonly posting_id: string;
	readonly journal_id: string;
	readonly kind: "deposit" | "withdrawal" | "trade" | "fee";
	readonly reference_id: string;
	readonly asset: string;
	readonly amount: Decimal;
	readonly created_at: Timestamp;
}

/** Money in or out. Without `user_id` it is the caller's own. The same `idempotency_key` moves it once. */
export interface TransferRequest {
	readonly asset: string;
	readonly amount: Decimal;
	readonly user_id?: string;
	readonly idempotency_key: string;
}

export interface Transfer {
	readonly transfer_id: string;
	readonly kind: "deposit" | "withdrawal";
	readonly user_id: string;
	readonly asset: string;
	readonly amount: Decimal;
	readonly created_at: Timestamp;
}

/** Price levels, best first, as `[price, quantity]`; `sequence` grows with every change of the book. */
export interface Depth {
	readonly symbol: string;
	readonly sequence: number;
	readonly bids: readonly (readonly [Decimal, Decimal])[];
	readonly asks: readonly (readonly [Decimal, Decimal])[];
}

/** Who writes a market, on the database's clock: nobody (null) when no lease is in force, which then has 0 ms left. */
export interface MarketLease {
	readonly symbol: string;
	readonly owner: string | null;
	/** Grows with each new writer. */
	readonly epoch: number;
	readonly left_ms: number;
}

export interface TradingApi {
	submit(params: SubmitOrder): ExecutionReport;
	/**
	 * Executes both orders of a pair or neither, and gives a report of each, the limit's first. A fill of the limit takes
	 * as much off the stop; whatever ends one of them, or triggers the stop, ends the other in the same commit.
	 */
	submitPair(params: SubmitPair): readonly ExecutionReport[];
	/**
	 * Ends an order. One that never arrived is kept as ended, so that it cannot arrive later; with `only_if_new` one that
	 * has arrived stays as it is.
	 */
	close(params: {
		readonly order: SubmitOrder;
		readonly status: "canceled" | "expired";
		readonly only_if_new?: boolean;
	}): ExecutionReport;
	/** What has become of an order, with its fills since the report `after_seq`; null when it never arrived. */
	report(params: { readonly order_id: string; readonly after_seq: number }): ExecutionReport | null;
	/** Why the order would be rejected now, or null; what it takes of the asset and what is available. */
	rehearse(params: SubmitOrder): {
		readonly code: RejectCode | null;
		readonly required: Decimal;
		readonly available: Decimal;
	};
	balances(): readonly Balance[];
	positions(): readonly Position[];
	/** In `asset`, `USD` unless told. */
	account(params: { readonly asset?: string }): Account;
	fills(params: PageQuery & { readonly order_id?: string }): Page<Fill>;
	ledger(params: PageQuery & { readonly asset?: string }): Page<Posting>;
	deposit(params: TransferRequest): { readonly transfer: Transfer; readonly replayed: boolean };
	withdraw(params: TransferRequest): { readonly transfer: Transfer; readonly replayed: boolean };
	depth(params: { readonly symbol: string; readonly depth?: number }): Depth;
	/** For operators. By symbol. */
	leases(): readonly MarketLease[];
}

export interface TradingEvents {
	"trading.execution_reported": ExecutionReport;
	"trading.trade_executed": TradeExecuted;
	"trading.deposited": Transfer;
	"trading.withdrawn": Transfer;
}
