import type { Order } from "../../../contracts/orders.ts";
import type { Balance, Fill } from "../../../contracts/trading.ts";
import type { Send } from "../../support/http-client.ts";
import { until } from "../../support/until.ts";
import type { Trader } from "./client-log.ts";

/** What the gateway shows to a trader of all that is his. */
export interface View {
	readonly user_id: string;
	readonly orders: readonly Order[];
	readonly fills: readonly Fill[];
	readonly balances: readonly Balance[];
}

/** What was left pending is driven on after 5 s. */
const PENDING_LIMIT_MS = 30_000;

/** Asks the gateway for what it shows to each trader, once nothing is pending any more, or has been for too long. */
export async function readViews(send: Send, traders: readonly Trader[]): Promise<readonly View[]> {
	await until(() => nothingPends(send, traders), PENDING_LIMIT_MS).catch(() => {});
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

async function nothingPends(send: Send, traders: readonly Trader[]): Promise<boolean> {
	for (const trader of traders)
		if ((await readAll<Order>(send, trader, "/api/orders", "&status=pending")).length > 0) return false;
	return true;
}

async function readAll<T>(send: Send, { key }: Trader, path: string, filter = ""): Promise<T[]> {
	const items: T[] = [];
	const paged = path !== "/api/trading/balances";
	for (let cursor: string | null = ""; cursor !== null; ) {
		const query = paged ? `?limit=500${filter}${cursor && `&cursor=${encodeURIComponent(cursor)}`}` : "";
		const { status, body } = await send(`GET ${path}${query}`, { headers: key });
		if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
		items.push(...(body["items"] as T[]));
		cursor = body["next_cursor"] as string | null;
	}
	return items;
}
