import type { ServiceBroker } from "moleculer";
import type { Db } from "../../lib/db.ts";
import { countWorkingOrders, readWorkingOrders } from "./book.store.ts";
import { addOrder, addStop, type Book, emptyBook } from "./domain/book.ts";
import type { Market } from "./domain/market.ts";

/** A fifth of what a lease lasts. */
const KEEP_LEASE_EVERY_MS = 1_000;
/** Whoever waits for a market for longer than this is told how far it is, as often. */
const TELL_EVERY_MS = 2_000;

interface LoadOptions {
	/** Renews the market's lease; throws when it is another's by now. */
	keepLease(): Promise<void>;
	readonly logger: Pick<ServiceBroker["logger"], "info" | "warn">;
}

/** The book of a market from its committed orders. Nobody may change them meanwhile: the lease sees to it. */
export async function loadBook(db: Db, market: Market, { keepLease, logger }: LoadOptions): Promise<Book> {
	const startedAt = performance.now();
	let [keptAt, toldAt] = [startedAt, startedAt];
	let total: number | null = null;
	const book = emptyBook();
	for await (const orders of readWorkingOrders(db, market)) {
		for (const order of orders) (order.status === "held" ? addStop : addOrder)(book, order);
		const now = performance.now();
		if (now - keptAt > KEEP_LEASE_EVERY_MS) {
			await keepLease();
			keptAt = now;
		}
		if (now - toldAt > TELL_EVERY_MS) {
			total ??= await countWorkingOrders(db, market.symbol);
			logger.warn(`market ${market.symbol} opens: ${shown(book.byId.size)} of ${shown(total)} orders are read`);
			toldAt = now;
		}
	}
	// However long the reading took, the owner then has a whole lease.
	await keepLease();
	const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
	logger.info(`market ${market.symbol} is open: ${shown(book.byId.size)} orders in ${seconds} s`);
	return book;
}

function shown(count: number): string {
	return count.toLocaleString("en");
}
