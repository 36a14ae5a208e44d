import { setTimeout as delay } from "node:timers/promises";
import { v7 as newId } from "uuid";
import type { SubmitOrder } from "../../contracts/trading.ts";
import { call } from "../../lib/service.ts";
import { readLevels } from "../../services/trading/market.store.ts";
import { PLAIN } from "../support/orders.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "data", "users", "trading"]);
});
afterAll(() => node.stop());

type Person = ReturnType<typeof person>;

/** Somebody with paper money, paid in by an admin. */
async function rich(username: string, funds: Readonly<Record<string, string>>): Promise<Person> {
	const somebody = person(username, "admin");
	for (const [asset, amount] of Object.entries(funds))
		await call(node.broker, "trading.deposit", { asset, amount, idempotency_key: asset }, somebody);
	return somebody;
}

function order(owner: Person, over: Partial<SubmitOrder> = {}): SubmitOrder {
	return {
		...PLAIN,
		order_id: newId(),
		user_id: owner.id,
		symbol: "BTC-USD",
		side: "buy",
		order_type: "limit",
		time_in_force: "gtc",
		quantity: "1",
		price: "100",
		...over,
	};
}

const submit = (params: SubmitOrder) => call(node.broker, "trading.submit", params);
const balances = async (owner: Person) =>
	Object.fromEntries(
		(await call(node.broker, "trading.balances", undefined, owner)).map((b) => [
			b.asset,
			[b.balance, b.held, b.available],
		]),
	);

test("a trade moves money exactly: both sides, their fees, and nothing more", async () => {
	const [ann, bob] = [await rich("ann", { BTC: "2" }), await rich("bob", { USD: "100000" })];
	const resting = await submit(order(ann, { side: "sell", quantity: "0.5", price: "61837.63" }));
	expect(resting).toMatchObject({ status: "open", report_seq: 1, fills: [] });
	expect(await balances(ann)).toEqual({ BTC: ["2", "0.5", "1.5"] });

	const crossing = await submit(order(bob, { quantity: "0.5", price: "70000", time_in_force: "ioc" }));
	expect(crossing).toMatchObject({
		status: "filled",
		filled_quantity: "0.5",
		filled_notional: "30918.815",
		fee: "61.83763",
		fee_asset: "USD",
	});
	expect(await balances(ann)).toEqual({ BTC: ["1.5", "0", "1.5"], USD: ["30887.896185", "0", "30887.896185"] });
	expect(await balances(bob)).toEqual({ BTC: ["0.5", "0", "0.5"], USD: ["69019.34737", "0", "69019.34737"] });

	const { items } = await call(node.broker, "trading.ledger", { asset: "USD" }, bob);
	expect(items.map((posting) => [posting.kind, posting.amount])).toEqual([
		["fee", "-61.83763"],
		["trade", "-30918.815"],
		["deposit", "100000"],
	]);
	const fills = await call(node.broker, "trading.fills", {}, ann);
	expect(fills.items).toMatchObject([{ liquidity: "maker", price: "61837.63", quantity: "0.5", fee: "30.918815" }]);
});

test("the same order sent 50 times at once is executed once", async () => {
	const ann = await rich("ann", { USD: "1000" });
	const same = order(ann, { price: "1" });
	const reports = await Promise.all(Array.from({ length: 50 }, () => submit(same)));
	expect(new Set(reports.map((report) => report.report_seq))).toEqual(new Set([1]));
	expect(await balances(ann)).toEqual({ USD: ["1000", "1.002", "998.998"] });
});

test("an order that was ended before it arrived is not executed when it does", async () => {
	const late = order(await rich("ann", { USD: "1000" }), { price: "1" });
	expect(await call(node.broker, "trading.close", { order: late, status: "expired" })).toMatchObject({
		status: "expired",
		report_seq: 1,
	});
	expect(await submit(late)).toMatchObject({ status: "expired", report_seq: 1 });
});

test("an order that has ended is not ended again", async () => {
	const ann = await rich("ann", { USD: "1000" });
	const open = order(ann, { price: "1" });
	await submit(open);
	expect(await call(node.broker, "trading.close", { order: open, status: "canceled" })).toMatchObject({
		status: "canceled",
		report_seq: 2,
	});
	expect(await call(node.broker, "trading.close", { order: open, status: "expired" })).toMatchObject({
		status: "canceled",
		report_seq: 2,
	});
	expect(await balances(ann)).toEqual({ USD: ["1000", "0", "1000"] });
});

test("a deposit is made once per key; another one under its key is refused", async () => {
	const ann = await rich("ann", {});
	const request = { asset: "USD", amount: "10.50", idempotency_key: "k" };
	const answers = await Promise.all(
		Array.from({ length: 20 }, () => call(node.broker, "trading.deposit", request, ann)),
	);
	expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
	expect(new Set(answers.map((answer) => answer.transfer.transfer_id)).size).toBe(1);
	expect(await balances(ann)).toEqual({ USD: ["10.5", "0", "10.5"] });
	await expect(call(node.broker, "trading.deposit", { ...request, amount: "11" }, ann)).rejects.toMatchObject({
		code: 422,
		type: "IDEMPOTENCY_KEY_REUSED",
	});
});

test("a deposit for a user whose id is in capitals is the same deposit when it comes again", async () => {
	const ann = person("ann", "admin");
	const asked = { asset: "USD", amount: "1", user_id: ann.id.toUpperCase(), idempotency_key: "capitals" };
	const first = await call(node.broker, "trading.deposit", asked, ann);
	expect(first).toMatchObject({ replayed: false, transfer: { user_id: ann.id } });
	expect(await call(node.broker, "trading.deposit", asked, ann)).toEqual({ ...first, replayed: true });
});

test("50 withdrawals at once take what is there and not more", async () => {
	const ann = await rich("ann", { USD: "100" });
	const take = (i: number) =>
		call(node.broker, "trading.withdraw", { asset: "USD", amount: "30", idempotency_key: `w${i}` }, ann);
	const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => take(i)));
	expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(3);
	for (const outcome of outcomes)
		if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: 403, type: "INSUFFICIENT_FUNDS" });
	expect(await balances(ann)).toEqual({ USD: ["10", "0", "10"] });
});

test.each([
	[{ amount: "0" }, "NOT_POSITIVE"],
	[{ amount: "-5" }, "NOT_POSITIVE"],
	[{ amount: "1e3" }, "INVALID_DECIMAL"],
	[{ amount: "0.00000000001" }, "TOO_FINE"],
	[{ amount: "1000000000000000" }, "TOO_LARGE"],
	[{ asset: "NOPE" }, "UNKNOWN_ASSET"],
])("a deposit with %p is refused as %s", async (over, code) => {
	const request = { asset: "USD", amount: "1", idempotency_key: "k", ...over };
	await expect(call(node.broker, "trading.deposit", request, await rich("ann", {}))).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
		data: { errors: [expect.objectContaining({ code })] },
	});
});

test("users pay paper money in only where the setting allows it, and never for others", async () => {
	const ann = person("ann");
	const request = { asset: "USD", amount: "1", idempotency_key: "k" };
	await expect(call(node.broker, "trading.deposit", request, ann)).rejects.toMatchObject({
		type: "PAPER_DEPOSITS_DISABLED",
	});
	await expect(call(node.broker, "trading.withdraw", { ...request, user_id: newId() }, ann)).rejects.toMatchObject({
		type: "FORBIDDEN",
	});
});

test("the ledger refuses a journal that is out of balance, and every change of what it holds", async () => {
	const ann = await rich("ann", { USD: "1" });
	const { db } = { db: node.dbs.trading };
	await expect(
		db.query(
			`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
			VALUES ($1, 'trade', $1, $2, 'USD', 5)`,
			[newId(), ann.id],
		),
	).rejects.toThrow("unbalanced journal");
	await expect(db.query("UPDATE postings SET amount = 2 WHERE owner = $1", [ann.id])).rejects.toThrow("append-only");
	await expect(db.query("DELETE FROM postings WHERE owner = $1", [ann.id])).rejects.toThrow("append-only");
});

test("what rows of the ledger and of trades refer to must be there, and stays", async () => {
	const ann = await rich("ann", { USD: "10", BTC: "1" });
	const { order_id } = await submit(order(ann, { quantity: "0.001", price: "1000" }));
	const { trading: db } = node.dbs;
	const noForeignKey = { code: "23503" };

	const post = (owner: string) =>
		db.query(
			`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
			VALUES ($1, 'trade', $1, $2, 'USD', 5), ($1, 'trade', $1, $3, 'USD', -5)`,
			[newId(), ann.id, owner],
		);
	await expect(post(newId())).rejects.toMatchObject(noForeignKey);
	const trade = (maker: string, taker: string) =>
		db.query(
			`INSERT INTO trades (trade_id, symbol, trade_seq, price, quantity, taker_side, maker_order_id, taker_order_id,
				maker_user_id, taker_user_id, maker_fee, taker_fee, maker_report_seq, taker_report_seq, created_at)
			VALUES ($1, 'BTC-USD', 1000000, 1, 1, 'buy', $2, $3, $4, $4, 0, 0, 1, 1, now())`,
			[newId(), maker, taker, ann.id],
		);
	await expect(trade(order_id, newId())).rejects.toMatchObject(noForeignKey);
	await expect(trade(newId(), order_id)).rejects.toMatchObject(noForeignKey);

	for (const table of ["accounts", "markets", "orders"]) {
		await expect(db.query(`DELETE FROM ${table}`)).rejects.toMatchObject(noForeignKey);
		await expect(db.query(`TRUNCATE ${table}`)).rejects.toMatchObject(noForeignKey);
	}
	await expect(db.query("UPDATE accounts SET asset = 'EUR'")).rejects.toMatchObject(noForeignKey);
	await expect(db.query("UPDATE markets SET symbol = 'X-Y'")).rejects.toMatchObject(noForeignKey);
	await expect(db.query("UPDATE orders SET order_id = $1", [newId()])).rejects.toMatchObject(noForeignKey);
});

test("a batch that cannot be committed leaves nothing, and the book is what it was", async () => {
	const [ann, bob] = [await rich("ann", { ETH: "10" }), await rich("bob", { USD: "100000" })];
	const eth = { symbol: "ETH-USD", price: "2000" };
	await submit(order(ann, { ...eth, side: "sell", quantity: "3" }));
	await node.dbs.trading.query("ALTER TABLE trades ADD CONSTRAINT poison CHECK (quantity <> 0.666)");
	const before = await balances(bob);
	await expect(submit(order(bob, { ...eth, quantity: "0.666" }))).rejects.toThrow();
	expect(await balances(bob)).toEqual(before);
	await node.dbs.trading.query("ALTER TABLE trades DROP CONSTRAINT poison");

	expect(await submit(order(bob, { ...eth, quantity: "3" }))).toMatchObject({ status: "filled", filled_quantity: "3" });
});

test("a writer that was superseded does not write on its old book: it takes over again and rebuilds", async () => {
	const [ann, bob] = [await rich("ann", { USD: "1000" }), await rich("bob", { BTC: "10" })];
	const bid = order(ann, { symbol: "BTC-USDT", price: "100", quantity: "0.5" });
	await call(node.broker, "trading.deposit", { asset: "USDT", amount: "1000", idempotency_key: "t" }, ann);
	await submit(bid);
	// Another writer has taken the market over, canceled the order, and gone.
	await node.dbs.trading.query(
		`UPDATE markets SET epoch = epoch + 1, owner_node = 'other', owner_instance = 'other', lease_until = '-infinity'
		WHERE symbol = 'BTC-USDT'`,
	);
	await node.dbs.trading.query("UPDATE orders SET status = 'canceled', hold = 0 WHERE order_id = $1", [bid.order_id]);
	const ask = order(bob, { symbol: "BTC-USDT", side: "sell", price: "100", quantity: "0.5", time_in_force: "ioc" });
	expect(await submit(ask)).toMatchObject({ status: "expired", filled_quantity: "0" });
	await node.dbs.trading.query("UPDATE accounts SET held = 0 WHERE owner = $1", [ann.id]);
});

test("while another node holds the lease, a call that was passed on here is refused for the time being", async () => {
	const ann = await rich("ann", { USD: "1000" });
	await submit(order(ann, { symbol: "ETH-USD", price: "1" }));
	await node.dbs.trading.query(
		`UPDATE markets SET epoch = epoch + 1, owner_node = 'other', owner_instance = 'other',
			lease_until = now() + interval '1 hour' WHERE symbol = 'ETH-USD'`,
	);
	const passedOn = call(node.broker, "trading.submit", order(ann, { symbol: "ETH-USD", price: "1" }), {
		meta: { forwarded: true },
	});
	await expect(passedOn).rejects.toMatchObject({ code: 503, type: "SERVICE_UNAVAILABLE" });
	await node.dbs.trading.query("UPDATE markets SET lease_until = '-infinity' WHERE symbol = 'ETH-USD'");
	expect(await submit(order(ann, { symbol: "ETH-USD", price: "1" }))).toMatchObject({ status: "open" });
});

test("the depth is that of committed orders, best prices first", async () => {
	const ann = await rich("ann", { USDT: "1000000", BTC: "5" });
	for (const [side, price, quantity] of [
		["buy", "10", "1"],
		["buy", "11", "2"],
		["buy", "11", "0.5"],
		["sell", "500000", "1"],
	] as const)
		await submit(order(ann, { symbol: "BTC-USDT", side, price, quantity }));
	const { bids, asks, sequence } = await call(node.broker, "trading.depth", { symbol: "BTC-USDT", depth: 2 });
	expect({ bids, asks }).toEqual({
		bids: [
			["11", "2.5"],
			["10", "1"],
		],
		asks: [["500000", "1"]],
	});
	expect(sequence).toBeGreaterThan(0);
	expect(await readLevels(node.dbs.trading, "BTC-USDT", 2)).toEqual({
		sequence,
		bids: [
			[1_100, 250_000],
			[1_000, 100_000],
		],
		asks: [[50_000_000, 100_000]],
	});
});

test("the depth shows no order before it is committed, and none whose commit failed", async () => {
	const ann = await rich("ann", { USDT: "1000000" });
	const bestBid = async () => (await call(node.broker, "trading.depth", { symbol: "BTC-USDT" })).bids[0]?.[0];
	const bid = (price: string) => submit(order(ann, { symbol: "BTC-USDT", price, quantity: "1" }));
	const waits = () => delay(200, "waits");

	const slow = await lock("outbox");
	const placing = bid("20");
	await until(async () => (await waitingForLock()).length > 0);
	const looking = bestBid();
	// Whoever has looked for long enough is shown what is committed.
	expect(["waits", "11"]).toContain(await Promise.race([placing, looking, waits()]));
	await slow.release();
	expect((await placing).status).toBe("open");
	expect(["20", "11"]).toContain(await looking);
	expect(await bestBid()).toBe("20");

	const broken = await lock("outbox");
	const failing = bid("30").catch((error: unknown) => error);
	await until(async () => (await waitingForLock()).length > 0);
	const lookingThen = bestBid();
	await endWaiting();
	expect(await lookingThen).toBe("20");
	await broken.release();
	expect(await failing).toMatchObject({ code: 503 });
	expect(await bestBid()).toBe("20");
});

test("a batch that fails before it has changed anything keeps the book", async () => {
	const ann = await rich("ann", { USDT: "1000000" });
	const bid = () => submit(order(ann, { symbol: "BTC-USDT", price: "20", quantity: "1" }));
	const epoch = () => node.dbs.trading.query("SELECT epoch FROM markets WHERE symbol = 'BTC-USDT'");
	await bid();
	const before = await epoch();
	const accounts = await lock("accounts");
	let failure: unknown = null;
	void bid().catch((error: unknown) => (failure = error));
	// It is tried again for a while.
	await until(async () => {
		await endWaiting();
		return failure !== null;
	});
	await accounts.release();
	expect(failure).toMatchObject({ code: 503 });
	expect(await bid()).toMatchObject({ status: "open" });
	expect(await epoch()).toEqual(before);
});

/** Holds up whoever writes to the table. */
async function lock(table: "accounts" | "outbox"): Promise<{ release(): Promise<unknown> }> {
	const locked = Promise.withResolvers<void>();
	const over = Promise.withResolvers<void>();
	const holding = node.dbs.trading.transaction(async (tx) => {
		await tx.query(`LOCK TABLE ${table} IN EXCLUSIVE MODE`);
		locked.resolve();
		await over.promise;
	});
	await locked.promise;
	return {
		release() {
			over.resolve();
			return holding;
		},
	};
}

/** Breaks the connections of those who wait. */
async function endWaiting(): Promise<void> {
	for (const { pid } of await waitingForLock()) await node.dbs.trading.query("SELECT pg_terminate_backend($1)", [pid]);
}

function waitingForLock(): Promise<{ pid: number }[]> {
	return node.dbs.trading.query<{ pid: number }>(
		"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
	);
}
