import type { Page, PageQuery } from "../../contracts/common.ts";
import type { Account, Fill, Posting } from "../../contracts/trading.ts";
import type { Db } from "../../lib/db.ts";
import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import { NUMBER_KEY, pageOf, positionOf } from "../../lib/page.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { selectPostings } from "./account.store.ts";
import { ASSET_SCALE } from "./domain/market.ts";
import { selectFills } from "./fill.store.ts";
import { selectHoldings, selectPositions } from "./position.store.ts";

/** A balance times a price has the digits of both. */
const VALUE_SCALE = 2 * ASSET_SCALE;
const FILL_KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} (maker|taker)$/;

/** The fills of a user, newest first; of one order when asked. */
export async function listFills(
	db: Db,
	userId: string,
	query: PageQuery & { readonly order_id?: string },
): Promise<Page<Fill>> {
	const { limit, after } = positionOf(query, FILL_KEY);
	const [tradeId, liquidity] = after?.split(" ") ?? [];
	const before = tradeId && liquidity ? ([tradeId, liquidity] as const) : null;
	const fills = await selectFills(db, { userId, orderId: query.order_id ?? null, before, limit: limit + 1 });
	return pageOf(
		fills,
		limit,
		(fill) => `${fill.trade_id} ${fill.liquidity}`,
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

/** A user's whole account, counted in `asset` at the last prices; all of it is of one moment. */
export async function readAccount(db: Db, userId: string, asset = "USD"): Promise<Account> {
	const [holdings, positions] = await db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		return Promise.all([selectHoldings(tx, userId, asset), selectPositions(tx, userId)]);
	});
	const own = positions.filter(({ symbol }) => symbol.endsWith(`-${asset}`));
	return {
		asset,
		equity: sumOf(holdings.flatMap(({ value }) => value ?? [])),
		realized_profit: sumOf(own.map((position) => position.realized_profit)),
		unrealized_profit: sumOf(own.map((position) => position.unrealized_profit)),
		fees: sumOf(own.map((position) => position.fees)),
		holdings,
	};
}

function sumOf(amounts: readonly string[]): string {
	return fromUnits(
		amounts.reduce((sum, amount) => sum + toUnits(amount, VALUE_SCALE), 0n),
		VALUE_SCALE,
	);
}

/**
 * How far from the last price orders may trade, in basis points of it; null when they may anywhere. Refuses
 * `SERVICE_UNAVAILABLE` while nobody knows: without a band a mistake trades at any price.
 */
export async function bandOf(trading: Settings): Promise<number | null> {
	return (await trading.confirmedSetting("trading.price_band_bps")) || null;
}
