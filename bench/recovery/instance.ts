import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { call } from "../../lib/service.ts";
import { loadBook } from "../../services/trading/book-loader.ts";
import type { Market } from "../../services/trading/domain/market.ts";
import { loadMarket } from "../../services/trading/market.store.ts";
import { person } from "../../test/support/people.ts";
import { startServices, type TestNode } from "../../test/support/services.ts";
import { fillMarket, restingOrder } from "./fill.ts";

/** What an instance tells of the market that it has filled and opened. */
export interface Opened {
	/** From the first command until its answer. */
	readonly open_s: number;
	readonly bytes_per_order: number;
}

/** How long each command of a round took, in ms. */
export interface Samples {
	readonly place: readonly number[];
	readonly depth: readonly number[];
	readonly cancel: readonly number[];
}

export type Told =
	| { readonly filled: number }
	| { readonly opened: Opened }
	| { readonly samples: Samples }
	| { readonly failed: string };

const SYMBOL = "BTC-USD";
const USERS = 100;
const MONEY = "100000000000";
/** What a first round lets go of may hold what a second one frees. */
const GC_ROUNDS = 3;
/** The first command of a market waits for its book, whatever that takes. */
const OPEN_TIMEOUT_MS = 300_000;

/**
 * `trading` in a process of its own, with as many orders resting in one market as its argument says. Opens the market,
 * then places and cancels an order, and looks at the book, as often as each message of its parent asks for.
 */
async function run(): Promise<void> {
	const orders = Number(process.argv[2]);
	const node = await startServices(["config", "data", "users", "trading"]);
	const users = await payIn(node);
	const market = await marketOf(node);
	await fillMarket(node.dbs.trading, market, users, orders, (filled) => tell({ filled }));
	const bytes = await bytesPerOrder(node, market);
	const startedAt = performance.now();
	await trade(node, market, users, 1, OPEN_TIMEOUT_MS);
	const open_s = (performance.now() - startedAt) / 1_000;
	tell({ opened: { open_s, bytes_per_order: bytes } });
	process.on("message", (count: number) => {
		trade(node, market, users, count).then((samples) => tell({ samples }), fail);
	});
	await once(process, "disconnect");
	await node.stop();
	process.exit(0);
}

async function payIn(node: TestNode): Promise<string[]> {
	const users = Array.from({ length: USERS }, (_, i) => person(`trader-${i}`, "admin"));
	for (const user of users)
		for (const asset of SYMBOL.split("-"))
			await call(node.broker, "trading.deposit", { asset, amount: MONEY, idempotency_key: asset }, user);
	return users.map((user) => user.id);
}

async function marketOf({ broker, dbs }: TestNode): Promise<Market> {
	// Whoever looks at a market has its rules taken over from `data`.
	await call(broker, "trading.depth", { symbol: SYMBOL });
	const market = await dbs.trading.transaction((tx) => loadMarket(tx, SYMBOL));
	if (!market) throw new Error(`${SYMBOL} has no rules`);
	return market;
}

/** What a book adds to the memory in use, by its orders. */
async function bytesPerOrder({ dbs }: TestNode, market: Market): Promise<number> {
	setFlagsFromString("--expose-gc");
	const collectGarbage = runInNewContext("gc") as () => void;
	const used = () => {
		for (let i = 0; i < GC_ROUNDS; i++) collectGarbage();
		const { heapUsed, external } = process.memoryUsage();
		return heapUsed + external;
	};
	const without = used();
	const book = await loadBook(dbs.trading, market, {
		keepLease: async () => {},
		logger: { info: () => {}, warn: () => {} },
	});
	const bytes = used() - without;
	return book.byId.size === 0 ? 0 : bytes / book.byId.size;
}

async function trade(
	{ broker }: TestNode,
	market: Market,
	users: readonly string[],
	count: number,
	timeout?: number,
): Promise<Samples> {
	const samples = { place: [] as number[], depth: [] as number[], cancel: [] as number[] };
	const timed = async <Answer>(into: number[], work: () => Promise<Answer>): Promise<Answer> => {
		const began = performance.now();
		const answer = await work();
		into.push(performance.now() - began);
		return answer;
	};
	const expectStatus = (wanted: string, { status }: { readonly status: string }) => {
		if (status !== wanted) throw new Error(`an order is ${status} in place of ${wanted}`);
	};
	for (let i = 0; i < count; i++) {
		const at = Math.floor(Math.random() * 1_000_000);
		const order = restingOrder(market, users[at % users.length] as string, at);
		const place = () => call(broker, "trading.submit", order, timeout ? { timeout } : {});
		expectStatus("open", await timed(samples.place, place));
		const cancel = () => call(broker, "trading.close", { order, status: "canceled" });
		expectStatus("canceled", await timed(samples.cancel, cancel));
	}
	// By themselves, since what they leave behind is no part of a command.
	for (let i = 0; i < count; i++) await timed(samples.depth, () => call(broker, "trading.depth", { symbol: SYMBOL }));
	return samples;
}

function tell(told: Told): void {
	process.send?.(told);
}

function fail(error: unknown): void {
	tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
	process.exitCode = 1;
	process.disconnect?.();
}

await run().catch(fail);
