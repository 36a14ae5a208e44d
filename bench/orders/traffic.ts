import { httpClient, logIn } from "../../test/support/http-client.ts";
import { requestOf } from "./connection.ts";
import type { Traffic } from "./load.ts";

/** What the product's process tells. */
export interface ProductTold {
	readonly url: string;
	readonly traders: readonly { readonly username: string; readonly password: string }[];
}

const MARKETS = [
	{ symbol: "BTC-USD", price: "60000" },
	{ symbol: "ETH-USD", price: "3000" },
] as const;
const QUANTITY = "0.01";

/**
 * Limit orders of many traders in two markets: each one that rests is met by a later one of the other side, so that
 * half of them trade on arrival and books stay short. Half of the traders only buy: none trades with himself.
 */
export async function orderTraffic({ url, traders }: ProductTold): Promise<Traffic> {
	const send = httpClient(url);
	const tokens: string[] = [];
	for (const { username, password } of traders) tokens.push((await logIn(send, username, password)).token);
	return {
		url,
		request(n) {
			const buys = n % 2 === 0;
			const pair = Math.floor(n / 2);
			const { symbol, price } = MARKETS[pair % MARKETS.length] as (typeof MARKETS)[number];
			// Buyers have the even places.
			const trader = (2 * pair + (buys ? 0 : 1)) % tokens.length;
			const headers = { Authorization: `Bearer ${tokens[trader]}` };
			const order = { symbol, side: buys ? "buy" : "sell", quantity: QUANTITY, price, client_order_id: `bench-${n}` };
			return requestOf("/api/orders", headers, order);
		},
		isGood: ({ status }) => status === 201,
	};
}

/** The same body to an action that does nothing. */
export function emptyTraffic(url: string): Traffic {
	const [{ symbol, price }] = MARKETS;
	const request = requestOf("/api/orders", {}, { symbol, side: "buy", quantity: QUANTITY, price });
	return { url, request: () => request, isGood: ({ status }) => status === 200 };
}
