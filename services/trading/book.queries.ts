import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { Depth, SubmitOrder, TradingApi } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { fromUnits } from "../../lib/kernel/decimal.ts";
import { call } from "../../lib/service.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { readAccounts } from "./account.store.ts";
import { type Accounts, accountOf, availableOn } from "./domain/accounts.ts";
import { addOrder, bestLevels, emptyBook } from "./domain/book.ts";
import { ASSET_SCALE, fromLots, fromTicks, type Market } from "./domain/market.ts";
import { REHEARSAL_DEPTH, rehearsalOf } from "./domain/reject.ts";
import { assetOf } from "./domain/settlement.ts";
import { loadBestOrders, loadCounters } from "./execution.store.ts";
import { passOn } from "./forwarding.ts";
import { type BookLevels, readLevels, readNow, readOwner } from "./market.store.ts";
import type { Committed } from "./market-writer.ts";
import type { Markets } from "./markets.ts";
import { executionOrderOf } from "./submission.ts";
import { bandOf } from "./trading.queries.ts";

type Seeing = Database & { readonly markets: Markets };

type Rehearsal = ReturnType<TradingApi["rehearse"]>;

const DEFAULT_DEPTH = 50;

/** The committed book, best prices first: from the memory of its owner, wherever that is, or else from the database. */
export async function readDepth(
	{ db, markets }: Seeing,
	ctx: Context<{ readonly symbol: string; readonly depth?: number }, Meta>,
): Promise<Depth> {
	const { symbol, depth = DEFAULT_DEPTH } = ctx.params;
	const { market, writer } = await markets.get(symbol);
	const held = await writer.view(({ book, bookSeq }) => ({
		sequence: bookSeq,
		bids: bestLevels(book, "buy", depth),
		asks: bestLevels(book, "sell", depth),
	}));
	if (!held) {
		const shownThere = await askOwner(db, ctx, symbol, (node) => call(ctx, "trading.depth", ctx.params, passOn(node)));
		if (shownThere) return shownThere;
	}
	const { sequence, bids, asks } = held ?? (await readLevels(db, symbol, depth));
	const shown = (levels: BookLevels["bids"]) =>
		levels.map(([ticks, lots]) => [fromTicks(market, ticks), fromLots(market, lots)] as const);
	return { symbol, sequence, bids: shown(bids), asks: shown(asks) };
}

/** What a user has to pay with. */
interface Means {
	readonly accounts: Accounts;
	readonly now: Date;
}

/**
 * What executing the order would meet now, by the rules that execute it, on committed rows; nothing is kept. Refuses
 * `SERVICE_UNAVAILABLE` while the price band is not known.
 */
export async function rehearse(trading: Seeing & Settings, ctx: Context<SubmitOrder, Meta>): Promise<Rehearsal> {
	const { db } = trading;
	const { market, writer } = await trading.markets.get(ctx.params.symbol);
	const order = executionOrderOf(market, ctx.params);
	const bandBps = await bandOf(trading);
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
	const judged =
		(await writer.view((committed) => judge(means, committed))) ??
		(await askOwner(db, ctx, market.symbol, (node) => call(ctx, "trading.rehearse", ctx.params, passOn(node))));
	if (judged) return judged;
	return db.transaction(async (tx) => {
		await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
		const book = emptyBook();
		const [orders, counters, meansThen] = await Promise.all([
			loadBestOrders(tx, market.symbol, order.side === "buy" ? "sell" : "buy", REHEARSAL_DEPTH),
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

/** Has the node that holds the market answer; null when it is this one, there is none, or it cannot. */
async function askOwner<Answer>(
	db: Db,
	{ broker, meta }: Context<unknown, Meta>,
	symbol: string,
	ask: (node: string) => Promise<Answer>,
): Promise<Answer | null> {
	if (meta.forwarded) return null;
	const owner = await readOwner(db, symbol);
	const serves = owner !== null && broker.registry.getActionEndpointByNodeId("trading.depth", owner);
	return serves && owner !== broker.nodeID ? ask(owner).catch(() => null) : null;
}
