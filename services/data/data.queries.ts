import type { Page, PageQuery } from "../../contracts/common.ts";
import type { Instrument } from "../../contracts/data.ts";
import type { Trade } from "../../contracts/trading.ts";
import { NUMBER_KEY, pageOf, positionOf } from "../../lib/page.ts";
import type { Catalogue } from "../../mixins/catalogue.mixin.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import { tradesAfter } from "./data.store.ts";

/** A page of a symbol's tape, oldest trade first. Refuses `NOT_FOUND` for a symbol that is not listed. */
export async function readTape(
	data: Database & Catalogue<Instrument>,
	query: PageQuery & { readonly symbol: string },
): Promise<Page<Trade>> {
	const { limit, after } = positionOf(query, NUMBER_KEY);
	const rows = await tradesAfter(data.db, query.symbol, after ?? "0", limit + 1);
	if (rows.length === 0) await data._get(null, { id: query.symbol });
	return pageOf(
		rows,
		limit,
		(trade) => String(trade.trade_seq),
		(trade) => trade,
	);
}
