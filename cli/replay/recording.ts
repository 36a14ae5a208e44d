import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import type { Side } from "../../contracts/orders.ts";
import { normalize } from "../../lib/kernel/decimal.ts";

/** A trade as Binance recorded it; `atMs` is when, in ms since the epoch. */
export interface RecordedTrade {
	readonly price: string;
	readonly quantity: string;
	readonly takerSide: Side;
	readonly atMs: number;
}

interface TradeMessage {
	readonly e?: string;
	readonly s: string;
	readonly p: string;
	readonly q: string;
	readonly T: number;
	/** Whether the buyer was the maker. */
	readonly m: boolean;
}

/** The longest recording that is replayed: it is read into memory. */
const MAX_TRADES = 1_000_000;

/**
 * The trades of `pair` (such as `BTCUSDT`) in a recording, in their order, at most `limit`. A line is the local time
 * in ns, a blank and a message of Binance's WebSocket streams; a name that ends in `.gz` is unpacked.
 */
export async function readRecording(file: string, pair: string, limit = MAX_TRADES): Promise<RecordedTrade[]> {
	const bytes = createReadStream(file);
	const text = file.endsWith(".gz") ? bytes.pipe(createGunzip()) : bytes;
	bytes.on("error", (error) => text.destroy(error));
	const trades: RecordedTrade[] = [];
	for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
		const trade = tradeOf(line, pair);
		if (trade) trades.push(trade);
		if (trades.length >= Math.min(limit, MAX_TRADES)) break;
	}
	bytes.destroy();
	return trades;
}

function tradeOf(line: string, pair: string): RecordedTrade | null {
	// Most lines of a recording are of other streams, and parsing is what costs.
	if (!line.includes('"e":"trade"')) return null;
	const message: { data?: TradeMessage } & Partial<TradeMessage> = JSON.parse(line.slice(line.indexOf(" ") + 1));
	const trade = message.data ?? (message as TradeMessage);
	if (trade.s !== pair) return null;
	return {
		price: normalize(trade.p),
		quantity: normalize(trade.q),
		takerSide: trade.m ? "sell" : "buy",
		atMs: trade.T,
	};
}
