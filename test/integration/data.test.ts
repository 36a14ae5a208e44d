import { v7 as newId } from "uuid";
import type { Trade } from "../../contracts/trading.ts";
import { call } from "../../lib/service.ts";
import { PLAIN } from "../support/orders.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "users", "data", "trading"]);
});
afterAll(() => node.stop());

const BTC_USDT = {
	symbol: "BTC-USDT",
	base_asset: "BTC",
	quote_asset: "USDT",
	tick_size: "0.01",
	lot_size: "0.00001",
	min_quantity: "0.00001",
	max_quantity: "9000",
	min_notional: "0.5",
	maker_fee_bps: 10,
	taker_fee_bps: 10,
	status: "trading",
};

test("the first instruments are listed by symbol, with every rule of theirs", async () => {
	const { items } = await call(node.broker, "data.instruments");
	expect(items.map((instrument) => instrument.symbol)).toEqual(["BTC-USD", "BTC-USDT", "ETH-USD"]);
	expect(items[1]).toEqual(BTC_USDT);
});

test("one instrument is found by its symbol, also from the cache", async () => {
	for (let i = 0; i < 2; i++)
		expect(await call(node.broker, "data.instrument", { symbol: "BTC-USDT" })).toEqual(BTC_USDT);
});

test.each(["data.instrument", "data.book", "data.trades"] as const)(
	"%s knows no symbol that is not listed",
	async (action) => {
		await expect(call(node.broker, action, { symbol: "DOGE-USD" })).rejects.toMatchObject({
			code: 404,
			type: "NOT_FOUND",
		});
	},
);

test.each(["btc-usd", "BTC", "BTC-USD\n", "ВТС-USD", "BTC-USD'; DROP TABLE instruments", "A".repeat(10_000)])(
	"%j is no symbol",
	async (symbol) => {
		for (const action of ["data.instrument", "data.book", "data.trades"] as const)
			await expect(call(node.broker, action, { symbol })).rejects.toMatchObject({ code: 422 });
	},
);

test("each listing was told once", async () => {
	const told = await node.dbs.data.query<{ aggregate_id: string; aggregate_seq: string; data: object }>(
		"SELECT aggregate_id, aggregate_seq, data FROM outbox WHERE type = 'data.instrument_listed' ORDER BY aggregate_id",
	);
	expect(told.map(({ aggregate_id, aggregate_seq }) => [aggregate_id, aggregate_seq])).toEqual([
		["instrument:BTC-USD", "1"],
		["instrument:BTC-USDT", "1"],
		["instrument:ETH-USD", "1"],
	]);
	expect(told[1]?.data).toEqual(BTC_USDT);
});

test("nothing can be asked of the catalogue but what the contract has", () => {
	const actions = node.broker.registry.getActionList({ onlyLocal: true }).map((action) => action.name);
	// Besides those that every service has for the others.
	expect(actions.filter((name) => /^data\.(?!checkDatabase$|inbox\.|outbox\.)/.test(name)).sort()).toEqual([
		"data.book",
		"data.instrument",
		"data.instruments",
		"data.trades",
	]);
});

test.each([
	["a tick that is no number", { tick_size: "NaN" }],
	["an endless quantity", { max_quantity: "Infinity" }],
	["a lot of nothing", { lot_size: "0" }],
	["amounts finer than money is", { tick_size: "0.00001", lot_size: "0.000001" }],
	["more lots than can be counted", { max_quantity: "100000000000000" }],
	["a smallest quantity between two lots", { min_quantity: "0.000015" }],
	["a smallest quantity above the largest", { min_quantity: "9001" }],
	["another market's symbol", { base_asset: "ETH" }],
	["a maker who pays more than the taker", { maker_fee_bps: 11 }],
])("an instrument with %s cannot be listed", async (_, over) => {
	const row = JSON.stringify({ ...BTC_USDT, symbol: "XBT-USDT", base_asset: "XBT", ...over });
	const listing = node.dbs.data.query(
		"INSERT INTO instruments SELECT * FROM jsonb_populate_record(NULL::instruments, $1::jsonb)",
		[row],
	);
	await expect(listing).rejects.toThrow(/violates check constraint/);
});

describe("the public tape", () => {
	const prices = ["61837.63", "61837.64", "61000", "60999.99", "61000.5"];
	const recorded: { readonly seller: string; readonly buyer: string }[] = [];

	beforeAll(async () => {
		const [seller, buyer] = [person("seller", "admin"), person("buyer", "admin")];
		for (const asset of ["BTC", "USDT"])
			for (const who of [seller, buyer])
				await call(node.broker, "trading.deposit", { asset, amount: "1000000", idempotency_key: asset }, who);
		for (const price of prices) {
			const order = { ...PLAIN, symbol: "BTC-USDT", quantity: "0.00001", price, order_type: "limit" } as const;
			const [maker, taker] = [newId(), newId()];
			await call(node.broker, "trading.submit", {
				...order,
				order_id: maker,
				user_id: seller.id,
				side: "sell",
				time_in_force: "gtc",
			});
			await call(node.broker, "trading.submit", {
				...order,
				order_id: taker,
				user_id: buyer.id,
				side: "buy",
				time_in_force: "ioc",
			});
			recorded.push({ seller: maker, buyer: taker });
		}
		await until(
			async () => (await call(node.broker, "data.trades", { symbol: "BTC-USDT" })).items.length === prices.length,
		);
	});

	test("has every trade once, oldest first, and nobody's name on it", async () => {
		const tape = await call(node.broker, "data.trades", { symbol: "BTC-USDT" });
		expect(tape.next_cursor).toBeNull();
		expect(tape.items.map((trade) => [trade.trade_seq, trade.price])).toEqual(prices.map((price, i) => [i + 1, price]));
		expect(tape.items[0]).toEqual({
			trade_id: expect.any(String),
			trade_seq: 1,
			symbol: "BTC-USDT",
			price: "61837.63",
			quantity: "0.00001",
			taker_side: "buy",
			created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
		});
		for (const { seller, buyer } of recorded)
			expect(JSON.stringify(tape)).not.toMatch(new RegExp(`${seller}|${buyer}`));
	});

	test("is read page by page, without gap or repeat", async () => {
		const read: Trade[] = [];
		let cursor: string | null = null;
		do {
			const page: Awaited<ReturnType<typeof nextPage>> = await nextPage(cursor);
			expect(page.items.length).toBeLessThanOrEqual(2);
			read.push(...page.items);
			cursor = page.next_cursor;
		} while (cursor && read.length < 100);
		expect(read.map((trade) => trade.trade_seq)).toEqual([1, 2, 3, 4, 5]);
	});

	const nextPage = (cursor: string | null) =>
		call(node.broker, "data.trades", { symbol: "BTC-USDT", limit: 2, ...(cursor && { cursor }) });

	test.each([
		{ limit: 0 },
		{ limit: 501 },
		{ limit: 1.5 },
		{ cursor: "" },
		{ cursor: "1" },
		{ cursor: "MTsgRFJPUCBUQUJMRQ" },
	])("does not take %j", async (query) => {
		await expect(call(node.broker, "data.trades", { symbol: "BTC-USDT", ...query })).rejects.toMatchObject({
			code: 422,
		});
	});

	test("of a market that has not traded is empty", async () => {
		expect(await call(node.broker, "data.trades", { symbol: "ETH-USD" })).toEqual({ items: [], next_cursor: null });
	});

	test("takes a trade that is told again only once", async () => {
		const [trade] = await node.dbs.data.query<{ trade_id: string }>("SELECT * FROM trades WHERE trade_seq = 1");
		const { saveTrades } = await import("../../services/data/data.store.ts");
		const again = {
			...trade,
			trade_seq: 1,
			symbol: "BTC-USDT",
			price: "1",
			quantity: "1",
			taker_side: "sell",
			created_at: new Date().toISOString(),
		};
		await node.dbs.data.transaction((tx) => saveTrades(tx, [again as Trade, again as Trade]));
		expect((await nextPage(null)).items[0]?.price).toBe("61837.63");
	});
});

test("the book is trading's", async () => {
	const ann = person("ann", "admin");
	await call(node.broker, "trading.deposit", { asset: "USD", amount: "1000", idempotency_key: "1" }, ann);
	const order = {
		...PLAIN,
		order_id: newId(),
		user_id: ann.id,
		symbol: "ETH-USD",
		side: "buy",
		order_type: "limit",
		time_in_force: "gtc",
	} as const;
	await call(node.broker, "trading.submit", { ...order, quantity: "0.5", price: "1000.01" });
	const book = await call(node.broker, "data.book", { symbol: "ETH-USD", depth: 1 });
	expect(book).toMatchObject({ symbol: "ETH-USD", bids: [["1000.01", "0.5"]], asks: [] });
	await expect(call(node.broker, "data.book", { symbol: "ETH-USD", depth: 0 })).rejects.toMatchObject({ code: 422 });
});
