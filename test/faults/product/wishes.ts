import type { OrderType, PlaceOrder, Side, TimeInForce } from "../../../contracts/orders.ts";

interface Market {
	readonly symbol: string;
	/** Prices are so many steps around the middle. */
	readonly middle: number;
	readonly step: number;
	/** A quantity is so many thousandths. */
	readonly maxThousandths: number;
}

const MARKETS: readonly Market[] = [
	{ symbol: "BTC-USD", middle: 60_000, step: 10, maxThousandths: 20 },
	{ symbol: "ETH-USD", middle: 3_000, step: 1, maxThousandths: 500 },
];

/** What is tried how often: the shares add up to 1. */
const TYPES: readonly (readonly [OrderType, number])[] = [
	["limit", 0.7],
	["market", 0.16],
	["stop", 0.07],
	["stop_limit", 0.07],
];
const LIMIT_TIMES: readonly (readonly [TimeInForce, number])[] = [
	["gtc", 0.8],
	["ioc", 0.1],
	["fok", 0.1],
];
/** Buyers and sellers want prices that overlap, so that most orders meet another one soon. */
const MAX_STEPS = 15;

/** Any order that may be placed; most meet another one. */
export function anyOrder(random: () => number, client_order_id: string): PlaceOrder & { client_order_id: string } {
	const market = oneOf(MARKETS, random);
	const type = byShare(TYPES, random);
	const side: Side = random() < 0.5 ? "buy" : "sell";
	return {
		client_order_id,
		symbol: market.symbol,
		side,
		order_type: type,
		quantity: anyQuantity(market, random),
		...((type === "limit" || type === "stop_limit") && { price: anyPrice(market.symbol, random) }),
		...((type === "stop" || type === "stop_limit") && { stop_price: anyPrice(market.symbol, random) }),
		...(type === "limit" && { time_in_force: byShare(LIMIT_TIMES, random) }),
	};
}

/** A price at which others trade, too. */
export function anyPrice(symbol: string, random: () => number): string {
	const { middle, step } = MARKETS.find((market) => market.symbol === symbol) as Market;
	return String(middle + step * (Math.floor(random() * (2 * MAX_STEPS + 1)) - MAX_STEPS));
}

function anyQuantity({ maxThousandths }: Market, random: () => number): string {
	return String((1 + Math.floor(random() * maxThousandths)) / 1_000);
}

function oneOf<T>(items: readonly T[], random: () => number): T {
	return items[Math.floor(random() * items.length)] as T;
}

function byShare<T>(shares: readonly (readonly [T, number])[], random: () => number): T {
	let left = random();
	for (const [item, share] of shares) {
		left -= share;
		if (left < 0) return item;
	}
	return (shares.at(-1) as readonly [T, number])[0];
}
