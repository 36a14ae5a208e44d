import type { Decimal, Page, PageQuery, Repeatable, Replayed, Timestamp } from "./common.ts";

export type Side = "buy" | "sell";
/** The three stops wait for a price: `stop` then takes any price, as `trailing_stop` does, `stop_limit` its own. */
export type OrderType = "market" | "limit" | "stop" | "stop_limit" | "trailing_stop";
/** `day` ends with the day in UTC, `gtd` at `expires_at`. */
export type TimeInForce = "gtc" | "ioc" | "fok" | "day" | "gtd";
/** What happens where an order would trade with one of its own user: the mode of the incoming one holds. */
export type SelfTradePrevention = "expire_taker" | "expire_maker" | "expire_both" | "decrement" | "none";
/** A stop is `held` until its price is reached; an order that another one has taken the place of is `replaced`. */
export type OrderStatus =
	| "pending"
	| "held"
	| "open"
	| "partially_filled"
	| "filled"
	| "canceled"
	| "expired"
	| "rejected"
	| "replaced";

/**
 * What an order is part of: `oco` has two legs of which one cancels the other, `bracket` one or two exits that follow
 * once it has ended with something filled. A leg has the class of its parent.
 */
export type OrderClass = "simple" | "oco" | "bracket";

/** Why an order was turned away; the gateway answers with it as the problem's `code`. */
export type RejectCode =
	| "BELOW_MIN_NOTIONAL"
	| "BOOK_FULL"
	| "INSUFFICIENT_FUNDS"
	| "MARKET_NOT_OPEN"
	| "MAX_OPEN_ORDERS"
	| "MAX_ORDER_NOTIONAL"
	| "NO_LAST_PRICE"
	| "NO_LIQUIDITY"
	| "POST_ONLY_WOULD_TAKE"
	| "PRICE_OUT_OF_BAND"
	| "REDUCE_ONLY"
	| "SELF_TRADE_PREVENTED"
	| "TOO_LATE_TO_REPLACE"
	| "TRADING_HALTED";

/** A flat object of at most 1 KB that the client keeps with an order. */
export type OrderMetadata = Readonly<Record<string, string | number | boolean | null>>;

/** What an order is to do; null where its type has no such thing. */
export interface OrderTerms {
	readonly symbol: string;
	readonly side: Side;
	readonly order_type: OrderType;
	readonly time_in_force: TimeInForce;
	/** Of a market buy by `notional`, what it has bought: `"0"` at first. */
	readonly quantity: Decimal;
	/** What a market buy may cost in all, its fee included. */
	readonly notional: Decimal | null;
	readonly price: Decimal | null;
	readonly stop_price: Decimal | null;
	/** How far a trailing stop stays behind the best price since it came: as a price, or in percent of it. */
	readonly trail_amount: Decimal | null;
	readonly trail_percent: Decimal | null;
	readonly expires_at: Timestamp | null;
	readonly post_only: boolean;
	readonly reduce_only: boolean;
	/** How much of it the book shows at a time; null shows all. */
	readonly display_quantity: Decimal | null;
	readonly self_trade_prevention: SelfTradePrevention;
}

/**
 * A new order: a symbol, a side, and a `quantity` or `notional`. Without `order_type` it is a limit order when `price`
 * is given, else a market order.
 */
export interface PlaceOrder {
	readonly symbol: string;
	readonly side: Side;
	readonly order_type?: OrderType;
	readonly quantity?: Decimal;
	readonly notional?: Decimal;
	readonly price?: Decimal;
	readonly stop_price?: Decimal;
	readonly trail_amount?: Decimal;
	readonly trail_percent?: Decimal;
	readonly time_in_force?: TimeInForce;
	readonly expires_at?: Timestamp;
	readonly post_only?: boolean;
	readonly reduce_only?: boolean;
	readonly display_quantity?: Decimal;
	readonly self_trade_prevention?: SelfTradePrevention;
	readonly client_order_id?: string;
	readonly metadata?: OrderMetadata;
	/** `simple` unless told; the others have `legs`. */
	readonly order_class?: OrderClass;
	readonly legs?: readonly PlaceLeg[];
}

/**
 * A leg of an oco or a bracket: its take profit, a limit, or its stop loss, a stop of any type. The rest it has from
 * its parent. Without `order_type` it is what its fields say.
 */
export interface PlaceLeg {
	readonly order_type?: Exclude<OrderType, "market">;
	readonly price?: Decimal;
	readonly stop_price?: Decimal;
	readonly trail_amount?: Decimal;
	readonly trail_percent?: Decimal;
}

/**
 * What is to be other about an open order. `quantity` counts what the order has filled, so that a fill on the way is
 * not traded twice.
 */
export interface ReplaceOrder {
	readonly order_id: string;
	readonly quantity?: Decimal;
	readonly price?: Decimal;
}

/**
 * An order as its owner sees it; `quantity = filled_quantity + remaining_quantity` always. An oco is not executed
 * itself: it shows the price of its take profit, and together what its legs have filled.
 */
export interface Order extends OrderTerms {
	readonly order_id: string;
	readonly user_id: string;
	readonly order_class: OrderClass;
	/** Of a leg, the oco or bracket that it belongs to. */
	readonly parent_id: string | null;
	/** Of an oco or a bracket that is asked for by itself; in lists and events legs stand for themselves. */
	readonly legs?: readonly Order[];
	readonly client_order_id: string | null;
	readonly status: OrderStatus;
	readonly reject_code: RejectCode | null;
	readonly filled_quantity: Decimal;
	readonly remaining_quantity: Decimal;
	readonly average_price: Decimal | null;
	readonly fee: Decimal;
	readonly fee_asset: string;
	readonly metadata: OrderMetadata;
	readonly replaces: string | null;
	readonly replaced_by: string | null;
	readonly version: number;
	readonly created_at: Timestamp;
	readonly updated_at: Timestamp;
	readonly closed_at: Timestamp | null;
}

/** An order as its request left it; `replayed` when the same key or `client_order_id` had already placed it. */
export interface Placement extends Replayed {
	readonly order: Order;
}

/** What would become of an order: nothing is kept. `limit` and `observed` tell of the limit that denies it. */
export interface DryRun {
	readonly allowed: boolean;
	readonly code: RejectCode | null;
	readonly limit: string | null;
	readonly observed: string | null;
}

/** One line of a cancel-all: the order as it now stands, or the code that kept it from being canceled. */
export interface CancelResult {
	readonly order_id: string;
	readonly order: Order | null;
	readonly code: string | null;
}

/**
 * What a user's open orders of one symbol could still trade: their remaining quantities at their prices, or at
 * the stops of those that have no price, in the quote asset. A trailing stop has neither, nor has a market order for
 * the moment that it is pending: they are counted and have no notional. Of legs of which one cancels the other the
 * limit has it for both.
 */
export interface OpenExposure {
	readonly symbol: string;
	readonly open_orders: number;
	readonly open_buy_notional: Decimal;
	readonly open_sell_notional: Decimal;
}

/** Which orders; what is not given may be anything. */
export interface OrderFilter {
	readonly order_id?: string;
	readonly user_id?: string;
	readonly symbol?: string;
	readonly status?: OrderStatus;
}

export interface OrdersApi {
	/**
	 * The same request under the same `idempotency_key` or `client_order_id` gives the same order; that id is a part of
	 * the request. Refuses another one: `IDEMPOTENCY_KEY_REUSED`, `CLIENT_ORDER_ID_REUSED`.
	 */
	place(params: PlaceOrder & Repeatable): Placement;
	validate(params: PlaceOrder): DryRun;
	get(params: { readonly order_id: string }): Order;
	getByClientId(params: { readonly client_order_id: string }): Order;
	list(params: PageQuery & { readonly status?: OrderStatus; readonly symbol?: string }): Page<Order>;
	cancel(params: { readonly order_id: string }): Order;
	/**
	 * Puts a new order in the place of an open one, which stays as it is when the new one is rejected. Less quantity at
	 * the same price keeps its place in time.
	 */
	replace(params: ReplaceOrder): Placement;
	cancelAll(params: { readonly symbol?: string; readonly side?: Side }): readonly CancelResult[];
	setStatus(params: { readonly order_id: string; readonly status: OrderStatus }): Order;
	/** For operators. The newest orders of all users, or those that agree with what is given. */
	browse(params: OrderFilter & { readonly limit: number }): readonly Order[];
	/** For services. By symbol; a symbol without open orders is left out. */
	openExposure(params: { readonly user_id: string }): readonly OpenExposure[];
}

export interface OrderStatusUpdated {
	readonly order_id: string;
	readonly user_id: string;
	readonly symbol: string;
	readonly from: OrderStatus;
	readonly to: OrderStatus;
	readonly reject_code: RejectCode | null;
}

/** Fills that one command gave an order. Quantities and `average_price` are the order's totals after them. */
export interface OrderExecuted {
	readonly order_id: string;
	readonly user_id: string;
	readonly symbol: string;
	readonly side: Side;
	readonly fills: readonly { readonly trade_id: string; readonly price: Decimal; readonly quantity: Decimal }[];
	readonly filled_quantity: Decimal;
	readonly remaining_quantity: Decimal;
	readonly average_price: Decimal;
}

export interface OrdersEvents {
	"orders.created": Order;
	"orders.status_updated": OrderStatusUpdated;
	"orders.executed": OrderExecuted;
}
