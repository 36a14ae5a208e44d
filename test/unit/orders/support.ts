import type { Instrument } from "../../../contracts/data.ts";

/** The rules that requests are checked against. */
export const BTC_USD: Instrument = {
	symbol: "BTC-USD",
	base_asset: "BTC",
	quote_asset: "USD",
	tick_size: "0.01",
	lot_size: "0.00000001",
	min_quantity: "0.00001",
	max_quantity: "1000",
	min_notional: "1",
	maker_fee_bps: 10,
	taker_fee_bps: 20,
	status: "trading",
};
/** When they are. */
export const NOW = new Date("2026-01-02T03:04:05Z");
