import type { Page, PageQuery } from "../../contracts/common.ts";
import type { RejectCode } from "../../contracts/orders.ts";
import type { Account, Depth, Fill, Posting } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import { NUMBER_KEY, pageOf, positionOf } from "../../lib/page.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { readAccounts, selectPostings } from "./account.store.ts";
import { type Accounts, accountOf, availableOn } from "./domain/accounts.ts";
import { addOrder, bestLevels, emptyBook } from "./domain/book.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market } from "./domain/market.ts";
import type { ExecutionOrder } from "./domain/order.ts";
import { rehearsalOf } from "./domain/reject.ts";
import { assetOf } from "./domain/settlement.ts";
import { loadBestOrders, loadCounters } from "./execution.store.ts";
import { selectFills } from "./fill.store.ts";
import { type BookLevels, readLevels, readNow } from "./market.store.ts";
import type { Committed } from "./market-writer.ts";
import type { OpenMarket } from "./markets.ts";
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

const DEFAULT_DEPTH = 50;

/** The committed book, best prices first. */
export async function readDepth(db: Db, { market, writer }: OpenMarket, depth = DEFAULT_DEPTH): Promise<Depth> {
	const held = await writer.view(({ book, bookSeq }) => ({
		sequence: bookSeq,
		bids: bestLevels(book, "buy", depth),
		asks: bestLevels(book, "sell", depth),
	}));
	const { sequence, bids, asks } = held ?? (await readLevels(db, market.symbol, depth));
	const shown = (levels: BookLevels["bids"]) =>
		levels.map(([ticks, lots]) => [fromTicks(market, ticks), fromLots(market, lots)] as const);
	return { symbol: market.symbol, sequence, bids: shown(bids), asks: shown(asks) };
}

/** What a user has to pay with. */
interface Means {
	readonly accounts: Accounts;
	readonly now: Date;
}

/** What executing `order` would meet now, by the rules that execute it, on committed rows; nothing is kept. */
export async function rehearse(
	db: Db,
	{ market, writer }: OpenMarket,
	bandBps: number | null,
	order: ExecutionOrder,
): Promise<{ code: RejectCode | null; required: string; available: string }> {
	function judge({ accounts, now }: Means, { book, tradeSeq, lastTicks }: Omit<Committed, "bookSeq" | "arrivalSeq">) {
		const scene = { market, book, accounts, bandBps, nowMs: now.getTime(), tradeSeq, lastTicks };
		const { code, units } = rehearsalOf(scene, order);
		return {
			code,
			required: fromUnits(units, ASSET_SCALE),
			available: fromUnits(availableOn(accountOf(accounts, order.userId, assetOf(market, order))), ASSET_SCALE),
		};
	}
	const means = await db.transaction((tx) => readMeans(tx, market, order.userId));
	const judged = await writer.view((committed) => judge(means, committed));
	if (judged) return judged;
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const book = emptyBook();
		const [orders, counters, meansThen] = await Promise.all([
			loadBestOrders(tx, market.symbol, order.side === "buy" ? "sell" : "buy"),
			loadCounters(tx, market),
			readMeans(tx, market, order.userId),
		]);
		for (const resting of orders) addOrder(book, resting);
		return judge(meansThen, { book, ...counters });
	});
}

async function readMeans(tx: Tx, market: Market, userId: string): Promise<Means> {
	const [accounts, now] = await Promise.all([
		readAccounts(tx, [userId], [market.baseAsset, market.quoteAsset]),
		readNow(tx),
	]);
	return { accounts, now };
}
