import type { Order } from "../../../contracts/orders.ts";
import type { Balance, Fill } from "../../../contracts/trading.ts";
import type { Send } from "../../support/http-client.ts";
import type { Trader } from "./client-log.ts";

/** What the gateway shows to a trader of all that is his. */
export interface View {
	readonly user_id: string;
	readonly orders: readonly Order[];
	readonly fills: readonly Fill[];
	readonly balances: readonly Balance[];
}

/** Asks the gateway for what it shows to each trader. */
export async function readViews(send: Send, traders: readonly Trader[]): Promise<readonly View[]> {
	const views: View[] = [];
	for (const trader of traders) {
		views.push({
			user_id: trader.user_id,
			orders: await readAll<Order>(send, trader, "/api/orders"),
			fills: await readAll<Fill>(send, trader, "/api/trading/fills"),
			balances: await readAll<Balance>(send, trader, "/api/trading/balances"),
		});
	}
	return views;
}

async function readAll<T>(send: Send, { key }: Trader, path: string): Promise<T[]> {
	const items: T[] = [];
	const paged = path !== "/api/trading/balances";
	for (let cursor: string | null = ""; cursor !== null; ) {
		const query = paged ? `?limit=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}` : "";
		const { status, body } = await send(`GET ${path}${query}`, { headers: key });
		if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
		items.push(...(body["items"] as T[]));
		cursor = body["next_cursor"] as string | null;
	}
	return items;
}
