import { setTimeout as delay } from "node:timers/promises";
import type { Trade } from "../../contracts/trading.ts";
import type { RecordedTrade } from "./recording.ts";
import { bookLevels, openTrader, readTape, type Trader } from "./trader.ts";

/** More than any recording moves, so that nobody runs out of it. */
const DEPOSIT = "1000000000000";
const TAPE_POLL_MS = 200;
/** The tape is filled by events, which come a moment after the trades. */
const TAPE_PATIENCE_MS = 60_000;

/** What a replay needs to know. */
export interface ReplayOptions {
	readonly baseUrl: string;
	readonly symbol: string;
	readonly trades: readonly RecordedTrade[];
	/** How many times faster than recorded; null is as fast as it goes. */
	readonly speed: number | null;
	/** Tells this replay's orders from those of others. */
	readonly runId: string;
	readonly password: string;
	onProgress(done: number): void;
}

/** What came of it: `mismatches` holds the places where the tape is not the recording. */
export interface ReplayResult {
	readonly orders: number;
	readonly seconds: number;
	readonly latenciesMs: Float64Array;
	readonly equal: number;
	readonly mismatches: readonly {
		readonly index: number;
		readonly recorded: RecordedTrade;
		readonly taped: Trade | undefined;
	}[];
}

/** Sends every recorded trade as two orders, and holds the cluster's tape against the recording. */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
	const { baseUrl, symbol, trades } = options;
	const [maker, taker] = await openTraders(options);
	const lastSeq = (await readTape(baseUrl, symbol, 0)).at(-1)?.trade_seq ?? 0;
	const latenciesMs = new Float64Array(trades.length * 2);
	const began = performance.now();
	let index = 0;
	for (const trade of trades) {
		await waitForTurn(options, trade, began);
		const terms = { symbol, quantity: trade.quantity, price: trade.price };
		const makerSide = trade.takerSide === "buy" ? "sell" : "buy";
		const clientOrderId = `${options.runId}-${index}`;
		const [resting, sentAt] = [
			{ ...terms, side: makerSide, client_order_id: `${clientOrderId}-m` } as const,
			performance.now(),
		];
		expectOrder(await maker.place(resting), "open", index);
		const restedAt = performance.now();
		const crossing = {
			...terms,
			side: trade.takerSide,
			time_in_force: "ioc",
			client_order_id: `${clientOrderId}-t`,
		} as const;
		expectOrder(await taker.place(crossing), "filled", index);
		latenciesMs.set([restedAt - sentAt, performance.now() - restedAt], index * 2);
		options.onProgress(++index);
	}
	const seconds = (performance.now() - began) / 1_000;
	return { orders: trades.length * 2, seconds, latenciesMs, ...compare(trades, await awaitTape(options, lastSeq)) };
}

async function openTraders({
	baseUrl,
	symbol,
	runId,
	password,
}: ReplayOptions): Promise<[maker: Trader, taker: Trader]> {
	const open = (role: string) => openTrader(baseUrl, { username: `replay-${role}`, password });
	const traders: [Trader, Trader] = [await open("maker"), await open("taker")];
	for (const trader of traders) {
		await trader.cancelOpen(symbol);
		for (const asset of symbol.split("-")) await trader.deposit(asset, DEPOSIT, `${runId}-${asset}`);
	}
	const levels = await bookLevels(baseUrl, symbol);
	if (levels > 0)
		throw new Error(`the book of ${symbol} has ${levels} levels: others' orders would trade with the recorded ones`);
	return traders;
}

async function waitForTurn({ speed, trades }: ReplayOptions, trade: RecordedTrade, began: number): Promise<void> {
	if (speed === null) return;
	const due = began + (trade.atMs - (trades[0]?.atMs ?? trade.atMs)) / speed;
	const wait = due - performance.now();
	if (wait > 0) await delay(wait);
}

function expectOrder(
	order: { readonly status: string; readonly order_id: string },
	status: string,
	index: number,
): void {
	if (order.status !== status)
		throw new Error(`trade ${index}: order ${order.order_id} is ${order.status}, not ${status}`);
}

async function awaitTape({ baseUrl, symbol, trades }: ReplayOptions, lastSeq: number): Promise<Trade[]> {
	const patience = performance.now() + TAPE_PATIENCE_MS;
	for (;;) {
		const tape = await readTape(baseUrl, symbol, lastSeq);
		if (tape.length >= trades.length || performance.now() > patience) return tape;
		await delay(TAPE_POLL_MS);
	}
}

/** The tape must be the recording, trade by trade, and no longer. */
function compare(trades: readonly RecordedTrade[], tape: readonly Trade[]): Pick<ReplayResult, "equal" | "mismatches"> {
	const mismatches = trades
		.map((recorded, index) => ({ index, recorded, taped: tape[index] }))
		.filter(({ recorded, taped }) => !taped || !sameTrade(recorded, taped));
	if (tape.length > trades.length)
		throw new Error(`the tape has ${tape.length} trades for ${trades.length} recorded ones`);
	return { equal: trades.length - mismatches.length, mismatches };
}

function sameTrade(recorded: RecordedTrade, taped: Trade): boolean {
	return (
		recorded.price === taped.price && recorded.quantity === taped.quantity && recorded.takerSide === taped.taker_side
	);
}
