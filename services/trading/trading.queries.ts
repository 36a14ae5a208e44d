import type { Page, PageQuery } from "../../contracts/common.ts";
import type { RejectCode } from "../../contracts/orders.ts";
import type { Fill, Posting } from "../../contracts/trading.ts";
import type { Db } from "../../lib/db.ts";
import { fromUnits } from "../../lib/kernel/decimal.ts";
import { NUMBER_KEY, pageOf, positionOf, UUID_KEY } from "../../lib/page.ts";
import { readAccounts, selectPostings } from "./account.store.ts";
import { accountOf, availableOn } from "./domain/accounts.ts";
import { addOrder, emptyBook } from "./domain/book.ts";
import { ASSET_SCALE, type Market } from "./domain/market.ts";
import { findMatches } from "./domain/matching.ts";
import type { ExecutionOrder } from "./domain/order.ts";
import { rejectionOf } from "./domain/reject.ts";
import { assetOf, requiredFunds } from "./domain/settlement.ts";
import { loadBestOrders, loadCounters } from "./execution.store.ts";
import { selectFills } from "./fill.store.ts";

/** The fills of a user, newest first; of one order when asked. */
export async function listFills(
	db: Db,
	userId: string,
	query: PageQuery & { readonly order_id?: string },
): Promise<Page<Fill>> {
	const { limit, after } = positionOf(query, UUID_KEY);
	const fills = await selectFills(db, { userId, orderId: query.order_id ?? null, before: after, limit: limit + 1 });
	return pageOf(
		fills,
		limit,
		(fill) => fill.trade_id,
		(fill) => fill,
	);
}

/** The ledger of a user's accounts, newest first. */
export async function listPostings(
	db: Db,
	userId: string,
	query: PageQuery & { readonly asset?: string },
): Promise<Page<Posting>> {
	const { limit, after } = positionOf(query, NUMBER_KEY);
	const postings = await selectPostings(db, {
		owner: userId,
		asset: query.asset ?? null,
		before: after,
		limit: limit + 1,
	});
	return pageOf(
		postings,
		limit,
		(posting) => posting.posting_id,
		(posting) => posting,
	);
}

/** What executing `order` would meet now, by the rules that execute it, on committed rows; nothing is kept. */
export async function rehearse(
	db: Db,
	market: Market,
	order: ExecutionOrder,
): Promise<{ code: RejectCode | null; required: string; available: string }> {
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const book = emptyBook();
		for (const resting of await loadBestOrders(tx, market.symbol, order.side === "buy" ? "sell" : "buy"))
			addOrder(book, resting);
		const accounts = await readAccounts(tx, [order.userId], [market.baseAsset, market.quoteAsset]);
		const { lastTicks } = await loadCounters(tx, market);
		const scene = { market, book, accounts, nowMs: 0, bandBps: null, lastTicks };
		const found = findMatches(book, order, scene);
		const asset = assetOf(market, order);
		return {
			code: rejectionOf(scene, order, found, null),
			required: fromUnits(requiredFunds(market, order, found), ASSET_SCALE),
			available: fromUnits(availableOn(accountOf(accounts, order.userId, asset)), ASSET_SCALE),
		};
	});
}
