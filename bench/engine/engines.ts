import { OrderBook, Side as TheirSide } from "nodejs-order-book";
import {
	addOrder,
	bestLevels,
	emptyBook,
	fillResting,
	findOrder,
	removeOrder,
} from "../../services/trading/domain/book.ts";
import { marketOf } from "../../services/trading/domain/market.ts";
import { type Conditions, findMatches } from "../../services/trading/domain/matching.ts";
import { type ExecutionOrder, newOrder, remainingLots } from "../../services/trading/domain/order.ts";
import type { Command } from "./commands.ts";

/** What a command traded. */
export interface Traded {
	readonly trades: number;
	readonly lots: number;
}

/** An order book under test. */
export interface Engine<Result> {
	execute(command: Command): Result;
	/** What the result of `execute` says was traded; not part of what is measured. */
	tradedBy(command: Command, result: Result): Traded;
	/** All price levels as `[ticks, lots]`, best first. */
	levels(): { readonly buy: readonly [number, number][]; readonly sell: readonly [number, number][] };
}

const CONDITIONS: Conditions = {
	market: marketOf({
		symbol: "BTC-USD",
		base_asset: "BTC",
		quote_asset: "USD",
		tick_size: "0.01",
		lot_size: "0.00000001",
		maker_fee_bps: 10,
		taker_fee_bps: 20,
		status: "trading",
	}),
	nowMs: 0,
	bandBps: null,
	lastTicks: null,
};

const NOBODY: Traded = { trades: 0, lots: 0 };

/** Our book and matching, without the money. */
export function ourEngine(): Engine<Traded> & { find(id: string): ExecutionOrder | undefined } {
	const book = emptyBook();

	function place(command: Command): Traded {
		const order = orderOf(command);
		const { matches, lots } = findMatches(book, order, CONDITIONS);
		for (const match of matches) fillResting(book, match.maker, match.lots);
		order.filledLots = lots;
		if (command.kind !== "ioc" && remainingLots(order) > 0) addOrder(book, order);
		return lots === 0 ? NOBODY : { trades: matches.length, lots };
	}

	return {
		execute(command) {
			if (command.kind === "limit" || command.kind === "ioc") return place(command);
			const removed = removeOrder(book, command.id);
			return removed && command.kind === "replace" ? place(command) : NOBODY;
		},
		tradedBy: (_command, traded) => traded,
		levels: () => ({
			buy: bestLevels(book, "buy", Number.POSITIVE_INFINITY),
			sell: bestLevels(book, "sell", Number.POSITIVE_INFINITY),
		}),
		find: (id) => findOrder(book, id),
	};
}

function orderOf({ id, side, ticks, lots, kind }: Command): ExecutionOrder {
	return newOrder(
		{
			orderId: id,
			// The other book knows no users: here nobody meets himself.
			userId: side,
			side,
			orderType: "limit",
			timeInForce: kind === "ioc" ? "ioc" : "gtc",
			priceTicks: ticks,
			notional: null,
			trailTicks: null,
			trailBps: null,
			postOnly: false,
			reduceOnly: false,
			displayLots: null,
			selfTradePrevention: "expire_taker",
			expiresAtMs: null,
			replaces: null,
			linkedTo: null,
		},
		lots,
		null,
	);
}

/** The package does not export the enum that has it. */
const IOC = "IOC" as unknown as NonNullable<Parameters<OrderBook["limit"]>[0]["timeInForce"]>;

type TheirResult = ReturnType<OrderBook["limit"]> | undefined;

/** The book of the npm package nodejs-order-book. */
export function theirEngine(): Engine<TheirResult> {
	const book = new OrderBook();
	return {
		execute({ kind, id, side, ticks, lots }) {
			const theirSide = side === "buy" ? TheirSide.BUY : TheirSide.SELL;
			if (kind === "limit") return book.limit({ id, side: theirSide, size: lots, price: ticks });
			if (kind === "ioc") return book.limit({ id, side: theirSide, size: lots, price: ticks, timeInForce: IOC });
			if (kind === "replace") return book.modify(id, { size: lots, price: ticks });
			book.cancel(id);
			return undefined;
		},
		tradedBy({ id, lots }, result) {
			if (!result) return NOBODY;
			if (result.err) throw result.err;
			const { done, partial, quantityLeft } = result;
			const makers = done.filter((order) => order.id !== id).length + (partial && partial.id !== id ? 1 : 0);
			return makers === 0 ? NOBODY : { trades: makers, lots: lots - quantityLeft };
		},
		levels() {
			const [asks, bids] = book.depth();
			return { buy: bids, sell: asks };
		},
	};
}
