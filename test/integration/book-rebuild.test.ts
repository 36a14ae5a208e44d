import assert from "node:assert/strict";
import fc from "fast-check";
import { v7 as newId } from "uuid";
import { createNode } from "../../cli/node.ts";
import { call } from "../../lib/service.ts";
import { loadBook } from "../../services/trading/book-loader.ts";
import type { Book } from "../../services/trading/domain/book.ts";
import { submit } from "../../services/trading/domain/execute.ts";
import type { Execution } from "../../services/trading/domain/execution.ts";
import type { Level, Levels } from "../../services/trading/domain/levels.ts";
import type { ExecutionOrder } from "../../services/trading/domain/order.ts";
import { saveExecution } from "../../services/trading/execution.store.ts";
import { keepMarket } from "../../services/trading/market.store.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { PLAIN } from "../support/orders.ts";
import { person } from "../support/people.ts";
import { startServices } from "../support/services.ts";
import { type Asked, command, run, type Step, stepsOf, USERS } from "../unit/trading/commands.ts";
import { BTC_USD, executionWith, orderOf } from "../unit/trading/support.ts";

const RESTING = 22_000;
/** Commands end some of them. */
const LEAST_LEFT = 20_000;
const STOPS = 20;
const COMMANDS = 4_000;
const STEPS_A_COMMIT = 500;
const SEED = 20_261_124;

// Tens of thousands of orders are executed and written.
import.meta.jest.setTimeout(120_000);

const SILENT = { info: () => {}, warn: () => {} };

let database: TestDatabase;
beforeAll(async () => {
	database = await createDatabase("trading");
	await database.db.transaction((tx) =>
		keepMarket(tx, {
			symbol: BTC_USD.symbol,
			base_asset: "BTC",
			quote_asset: "USD",
			tick_size: "0.01",
			lot_size: "0.00000001",
			min_quantity: "0.00000001",
			max_quantity: "1",
			min_notional: "0",
			maker_fee_bps: 10,
			taker_fee_bps: 20,
			status: "trading",
		}),
	);
});
afterAll(() => database.drop());

/** An id as the database takes it: of "o12" always the same. */
function uuidOf(name: string): string {
	const digits = Buffer.from(name).toString("hex").padStart(24, "0");
	return `00000000-${digits.slice(0, 4)}-${digits.slice(4, 8)}-${digits.slice(8, 12)}-${digits.slice(12)}`;
}

/** Commits what the execution has gathered, as a writer does after each batch. */
async function commit(execution: Execution): Promise<void> {
	await database.db.transaction((tx) => saveExecution(tx, execution, new Date()));
	for (const gathered of [execution.trades, execution.reports, execution.accounts.postings]) gathered.splice(0);
	execution.changed.clear();
	for (const account of execution.accounts.byKey.values()) {
		account.stored ||= account.balanceDelta !== 0n || account.heldDelta !== 0n;
		Object.assign(account, { balanceDelta: 0n, heldDelta: 0n });
	}
}

/** Orders of both sides far from the middle, some of them icebergs, many at one price. */
function fill(execution: Execution, count: number): void {
	for (let i = 0; i < count; i++) {
		const side = i % 2 === 0 ? "buy" : "sell";
		const priceTicks = side === "buy" ? 1 + (i % 90) : 110 + (i % 900);
		const displayLots = i % 7 === 0 ? 3 : null;
		const userId = uuidOf(USERS[i % USERS.length] as string);
		submit(execution, orderOf({ orderId: uuidOf(`r${i}`), userId, side, priceTicks, displayLots }));
	}
}

/** Stops that no price comes to: some wait for one, some follow the price and stay far behind. */
function addStops(execution: Execution, count: number): void {
	for (let i = 0; i < count; i++) {
		const [orderId, userId] = [uuidOf(`s${i}`), uuidOf(USERS[i % USERS.length] as string)];
		const trailing = { orderType: "trailing_stop", trailTicks: 80 + i, priceTicks: null } as const;
		const waiting = { orderType: "stop", stopTicks: 2_000 + i, priceTicks: null } as const;
		submit(execution, orderOf({ orderId, userId, ...(i % 2 === 0 ? trailing : waiting) }));
	}
}

/** The same random commands at each run, under ids that the database takes. */
function randomSteps(): Step[] {
	const [all = []] = fc.sample(fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS, size: "max" }), {
		seed: SEED,
		numRuns: 1,
	});
	const idOf = (name: string | null) => (name === null ? null : uuidOf(name));
	const named = (asked: Asked): Asked => {
		const { orderId, userId, replaces, linkedTo, ...terms } = asked.terms;
		const ids = {
			orderId: uuidOf(orderId),
			userId: uuidOf(userId),
			replaces: idOf(replaces),
			linkedTo: idOf(linkedTo),
		};
		return { ...asked, terms: { ...terms, ...ids } };
	};
	return stepsOf(all).map((step) => ({
		...step,
		id: uuidOf(step.id),
		asked: named(step.asked),
		stop: step.stop && named(step.stop),
	}));
}

function shownBook({ buy, sell, stops, byId }: Book): object {
	return {
		buy: levelsOf(buy).map(shownLevel),
		sell: levelsOf(sell).map(shownLevel),
		stops: [...levelsOf(stops.buy), ...levelsOf(stops.sell)].flatMap(ordersOf).sort(byArrival).map(shownOrder),
		trailing: [...stops.trailing].sort(byArrival).map(shownOrder),
		waiting: stops.count,
		found: byId.size,
	};
}

function levelsOf(levels: Levels): Level[] {
	const found: Level[] = [];
	for (let level = levels.best; level; level = level.worse) found.push(level);
	return found;
}

function ordersOf(level: Level): ExecutionOrder[] {
	const found: ExecutionOrder[] = [];
	for (let order = level.first; order; order = order.next) found.push(order);
	return found;
}

const byArrival = (a: ExecutionOrder, b: ExecutionOrder) => a.arrivalSeq - b.arrivalSeq;
const shownLevel = (level: Level) => [level.ticks, level.lots, ordersOf(level).map(shownOrder)];
/** Which trades a trailing stop has taken in is a matter of when it was kept; all of them are in its best price. */
const shownOrder = ({ level: _l, previous: _p, next: _n, sinceTradeSeq: _s, ...order }: ExecutionOrder) => order;

test("a start rebuilds the book that was there: priority, icebergs, stops, trailing prices", async () => {
	const users = USERS.map(uuidOf);
	const execution = { ...executionWith(users, 10n ** 30n), newId };
	for (const account of execution.accounts.byKey.values()) account.balanceDelta = account.balance;
	fill(execution, RESTING);
	await commit(execution);
	const steps = randomSteps();
	for (let i = 0; i < steps.length; i += STEPS_A_COMMIT) {
		if (i === STEPS_A_COMMIT) addStops(execution, STOPS);
		run(execution, steps.slice(i, i + STEPS_A_COMMIT));
		await commit(execution);
	}
	const { book } = execution;
	expect(book.byId.size).toBeGreaterThan(LEAST_LEFT);
	expect(book.stops.trailing.size).toBeGreaterThanOrEqual(STOPS / 2);
	expect(book.stops.count - book.stops.trailing.size).toBeGreaterThanOrEqual(STOPS / 2);

	let renewed = 0;
	const rebuilt = await loadBook(database.db, BTC_USD, {
		keepLease: async () => void (renewed += 1),
		logger: SILENT,
	});
	assert.deepEqual(shownBook(rebuilt), shownBook(book));
	expect(renewed).toBeGreaterThan(0);
});

test("a market whose lease has gone is not opened", async () => {
	const gone = new Error("gone");
	const opening = loadBook(database.db, BTC_USD, {
		keepLease: () => Promise.reject(gone),
		logger: SILENT,
	});
	await expect(opening).rejects.toBe(gone);
});

test("a node that starts again has opened the markets that it wrote before it takes a command", async () => {
	const services = ["config", "data", "users", "trading"] as const;
	const first = await startServices(services);
	const ann = person("ann", "admin");
	await call(first.broker, "trading.deposit", { asset: "USD", amount: "1000", idempotency_key: "usd" }, ann);
	const terms = { side: "buy", order_type: "limit", time_in_force: "gtc", quantity: "1", price: "100" } as const;
	const order = { ...PLAIN, ...terms, order_id: newId(), user_id: ann.id, symbol: "BTC-USD" };
	await call(first.broker, "trading.submit", order);
	const lease = async () =>
		(
			await first.dbs.trading.query<{ epoch: string; held: boolean }>(
				"SELECT epoch, lease_until > clock_timestamp() AS held FROM markets WHERE symbol = 'BTC-USD'",
			)
		)[0];
	expect(await lease()).toEqual({ epoch: "1", held: true });
	await first.broker.stop();
	expect(await lease()).toEqual({ epoch: "1", held: false });
	const second = await createNode(services, { logger: false, dependencyInterval: 10 });
	try {
		await second.start();
		expect(await lease()).toEqual({ epoch: "2", held: true });
		const closed = await call(second, "trading.close", { order, status: "canceled" });
		expect(closed).toMatchObject({ status: "canceled", report_seq: 2 });
	} finally {
		await second.stop();
		await first.stop();
	}
});
