import type { Decimal, Page, PageQuery } from "./common.ts";
import type { Depth, Trade } from "./trading.ts";

/**
 * What is traded and by which rules. Prices are multiples of `tick_size`, quantities of `lot_size`. Fees are in basis
 * points (1 bp = 0.01 %) of the notional, in the quote asset.
 */
export interface Instrument {
	readonly symbol: string;
	readonly base_asset: string;
	readonly quote_asset: string;
	readonly tick_size: Decimal;
	readonly lot_size: Decimal;
	readonly min_quantity: Decimal;
	readonly max_quantity: Decimal;
	readonly min_notional: Decimal;
	readonly maker_fee_bps: number;
	readonly taker_fee_bps: number;
	readonly status: "trading" | "halted";
}

export interface DataApi {
	/** By symbol. */
	instruments(): { readonly items: readonly Instrument[] };
	/** Refuses `NOT_FOUND`. */
	instrument(params: { readonly symbol: string }): Instrument;
	/** The best `depth` price levels (50 unless told) of each side. Refuses `NOT_FOUND`. */
	book(params: { readonly symbol: string; readonly depth?: number }): Depth;
	/** The public tape, oldest first. Refuses `NOT_FOUND`. */
	trades(params: PageQuery & { readonly symbol: string }): Page<Trade>;
}

export interface DataEvents {
	"data.instrument_listed": Instrument;
}
