import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import type { Tx } from "../../lib/db.ts";
import type { Instrument } from "../../contracts/data.ts";
import { accountKey, emptyAccount, type Account, type Accounts } from "./domain/accounts.ts";
import type { Execution, ExecutedTrade } from "./domain/execute.ts";
import { ASSET_SCALE, fromLots, fromTicks, marketOf, type Market } from "./domain/market.ts";
import type { ExecutionOrder, ExecutionStatus, RejectReason, Side } from "./domain/order.ts";

/** How long a writer owns a market without renewing: on the database's clock. */
const LEASE = "interval '5 seconds'";

/** Who writes a market; `epoch` grows with each new writer. */
export interface Lease {
	readonly epoch: string;
	readonly ownerNode: string;
	readonly mine: boolean;
}

/** Keeps the rules of a market the first time it is asked for; later they stay as they were. */
export async function keepMarket(tx: Tx, instrument: Instrument): Promise<void> {
	await tx.query(
		`INSERT INTO markets (symbol, base_asset, quote_asset, tick_size, lot_size, maker_fee_bps, taker_fee_bps, status)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		[
			instrument.symbol,
			instrument.base_asset,
			instrument.quote_asset,
			instrument.tick_size,
			instrument.lot_size,
			instrument.maker_fee_bps,
			instrument.taker_fee_bps,
			instrument.status,
		],
	);
}

export async function loadMarket(tx: Tx, symbol: string): Promise<Market | null> {
	const [row] = await tx.query<Parameters<typeof marketOf>[0]>("SELECT * FROM markets WHERE symbol = $1", [symbol]);
	return row ? marketOf(row) : null;
}

/**
 * Takes the market for this process if nobody else holds it. A node of the same id is this node's earlier life: it
 * need not be waited for, since its commits fail on the new epoch.
 */
export async function takeLease(tx: Tx, symbol: string, node: string, instance: string): Promise<Lease> {
	const [taken] = await tx.query<{ epoch: string }>(
		`UPDATE markets SET owner_node = $2, owner_instance = $3, epoch = epoch + 1, lease_until = clock_timestamp() + ${LEASE}
		WHERE symbol = $1 AND (lease_until < clock_timestamp() OR owner_node = $2) RETURNING epoch`,
		[symbol, node, instance],
	);
	if (taken) return { epoch: taken.epoch, ownerNode: node, mine: true };
	const [held] = await tx.query<{ epoch: string; owner_node: string }>(
		"SELECT epoch, owner_node FROM markets WHERE symbol = $1",
		[symbol],
	);
	if (!held) throw new Error(`market ${symbol} has no row`);
	return { epoch: held.epoch, ownerNode: held.owner_node, mine: false };
}

/**
 * The first statement of every change to a market: fences off a writer that has been superseded, renews the lease and
 * locks the row until the commit. Gives the transaction's time, or null when the epoch is no longer in force.
 */
export async function fence(tx: Tx, symbol: string, epoch: string): Promise<Date | null> {
	const [row] = await tx.query<{ now: Date }>(
		`UPDATE markets SET lease_until = clock_timestamp() + ${LEASE}, book_seq = book_seq + 1
		WHERE symbol = $1 AND epoch = $2 RETURNING now()`,
		[symbol, epoch],
	);
	return row?.now ?? null;
}

/** Renews idle leases in one statement; gives the symbols that are still this process's. */
export async function renewLeases(tx: Tx, instance: string, symbols: readonly string[]): Promise<string[]> {
	const rows = await tx.query<{ symbol: string }>(
		`UPDATE markets SET lease_until = clock_timestamp() + ${LEASE}
		WHERE owner_instance = $1 AND symbol = ANY($2::text[]) RETURNING symbol`,
		[instance, symbols],
	);
	return rows.map((row) => row.symbol);
}

/** Gives all leases of this process back, so that the next writer need not wait for them to run out. */
export async function releaseLeases(tx: Tx, instance: string): Promise<void> {
	await tx.query("UPDATE markets SET lease_until = '-infinity' WHERE owner_instance = $1", [instance]);
}

interface OrderRow {
	order_id: string;
	user_id: string;
	side: Side;
	price_ticks: string | null;
	rests: boolean;
	quantity_lots: string;
	filled_lots: string;
	filled_notional: string;
	fee: string;
	hold: string;
	status: ExecutionStatus;
	reject_code: RejectReason | null;
	report_seq: number;
	arrival_seq: string;
}

function orderOf(row: OrderRow): ExecutionOrder {
	return {
		orderId: row.order_id,
		userId: row.user_id,
		side: row.side,
		priceTicks: row.price_ticks === null ? null : Number(row.price_ticks),
		rests: row.rests,
		quantityLots: Number(row.quantity_lots),
		filledLots: Number(row.filled_lots),
		filledNotional: toUnits(row.filled_notional, ASSET_SCALE),
		fee: toUnits(row.fee, ASSET_SCALE),
		hold: toUnits(row.hold, ASSET_SCALE),
		status: row.status,
		rejectReason: row.reject_code,
		reportSeq: row.report_seq,
		arrivalSeq: Number(row.arrival_seq),
	};
}

/** How many orders a rebuild reads at a time. */
const LOAD_PAGE = 10_000;

/** Gives the orders that rest in a book to `add`, oldest first. */
export async function loadWorkingOrders(tx: Tx, symbol: string, add: (order: ExecutionOrder) => void): Promise<void> {
	for (let after = 0; ; ) {
		const rows = await tx.query<OrderRow>(
			`SELECT * FROM orders WHERE symbol = $1 AND status IN ('open', 'partially_filled') AND arrival_seq > $2
			ORDER BY arrival_seq LIMIT ${LOAD_PAGE}`,
			[symbol, after],
		);
		for (const row of rows) add(orderOf(row));
		const last = rows.at(-1);
		if (rows.length < LOAD_PAGE || !last) return;
		after = Number(last.arrival_seq);
	}
}

/** A rehearsal looks at this many resting orders. */
const REHEARSAL_DEPTH = 1_000;

/** The best orders of a side, best price first, then oldest first. */
export async function loadBestOrders(tx: Tx, symbol: string, side: Side): Promise<ExecutionOrder[]> {
	const rows = await tx.query<OrderRow>(
		`SELECT * FROM orders WHERE symbol = $1 AND side = $2 AND status IN ('open', 'partially_filled')
		ORDER BY price_ticks * CASE side WHEN 'buy' THEN -1 ELSE 1 END, arrival_seq LIMIT ${REHEARSAL_DEPTH}`,
		[symbol, side],
	);
	return rows.map(orderOf);
}

/** The last numbers that a market has given to a trade and to an order. */
export async function loadCounters(tx: Tx, symbol: string): Promise<{ tradeSeq: number; arrivalSeq: number }> {
	const [row] = await tx.query<{ trade_seq: string | null; arrival_seq: string | null }>(
		`SELECT (SELECT max(trade_seq) FROM trades WHERE symbol = $1) AS trade_seq,
			(SELECT max(arrival_seq) FROM orders WHERE symbol = $1) AS arrival_seq`,
		[symbol],
	);
	return { tradeSeq: Number(row?.trade_seq ?? 0), arrivalSeq: Number(row?.arrival_seq ?? 0) };
}

/** Those of `orderIds` that have arrived before. */
export async function knownOrders(tx: Tx, orderIds: readonly string[]): Promise<Set<string>> {
	const rows = await tx.query<{ order_id: string }>("SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[])", [orderIds]);
	return new Set(rows.map((row) => row.order_id));
}

/** The accounts of every owner in every asset, locked in one order for all transactions, so that none wait in a ring. */
export function lockAccounts(tx: Tx, owners: Iterable<string>, assets: readonly string[]): Promise<Accounts> {
	return selectAccounts(tx, owners, assets, "FOR NO KEY UPDATE");
}

/** The same accounts just to look at. */
export function readAccounts(tx: Tx, owners: Iterable<string>, assets: readonly string[]): Promise<Accounts> {
	return selectAccounts(tx, owners, assets, "");
}

async function selectAccounts(tx: Tx, owners: Iterable<string>, assets: readonly string[], lock: string): Promise<Accounts> {
	const byKey = new Map<string, Account>();
	const names = [...owners];
	for (const owner of names) for (const asset of assets) byKey.set(accountKey(owner, asset), emptyAccount(owner, asset));
	const rows = await tx.query<{ owner: string; asset: string; balance: string; held: string }>(
		`SELECT owner, asset, balance, held FROM accounts WHERE owner = ANY($1::text[]) AND asset = ANY($2::text[])
		ORDER BY owner, asset ${lock}`,
		[names, assets],
	);
	for (const row of rows) {
		const account = byKey.get(accountKey(row.owner, row.asset)) as Account;
		account.balance = toUnits(row.balance, ASSET_SCALE);
		account.held = toUnits(row.held, ASSET_SCALE);
		account.stored = true;
	}
	return { byKey, postings: [] };
}

/** Writes what `accounts` has gathered: changed accounts first, then the journals. */
export async function saveAccounts(tx: Tx, accounts: Accounts): Promise<void> {
	const changed = [...accounts.byKey.values()].filter((a) => a.balanceDelta !== 0n || a.heldDelta !== 0n);
	const stored = changed.filter((account) => account.stored);
	const fresh = changed.filter((account) => !account.stored);
	if (stored.length > 0) {
		await tx.query(
			`UPDATE accounts a SET balance = a.balance + d.balance, held = a.held + d.held
			FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[]) AS d (owner, asset, balance, held)
			WHERE a.owner = d.owner AND a.asset = d.asset`,
			deltaColumns(stored),
		);
	}
	if (fresh.length > 0) {
		await tx.query(
			`INSERT INTO accounts (owner, asset, balance, held, kind)
			SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::text[])
			ON CONFLICT (owner, asset) DO UPDATE
			SET balance = accounts.balance + excluded.balance, held = accounts.held + excluded.held`,
			[...deltaColumns(fresh), fresh.map((account) => account.kind)],
		);
	}
	if (accounts.postings.length > 0) await savePostings(tx, accounts);
}

function deltaColumns(accounts: readonly Account[]): string[][] {
	return [
		accounts.map((account) => account.owner),
		accounts.map((account) => account.asset),
		accounts.map((account) => fromUnits(account.balanceDelta, ASSET_SCALE)),
		accounts.map((account) => fromUnits(account.heldDelta, ASSET_SCALE)),
	];
}

async function savePostings(tx: Tx, { postings }: Accounts): Promise<void> {
	await tx.query(
		`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::numeric[])`,
		[
			postings.map((posting) => posting.journalId),
			postings.map((posting) => posting.kind),
			postings.map((posting) => posting.referenceId),
			postings.map((posting) => posting.owner),
			postings.map((posting) => posting.asset),
			postings.map((posting) => fromUnits(posting.amount, ASSET_SCALE)),
		],
	);
}

/** Writes a batch: orders, trades, accounts and journals, each in one statement whatever its size. */
export async function saveExecution(tx: Tx, execution: Execution, now: Date): Promise<void> {
	await saveOrders(tx, execution.market.symbol, [...execution.changed.values()], now);
	if (execution.trades.length > 0) await saveTrades(tx, execution.market, execution.trades, now);
	await saveAccounts(tx, execution.accounts);
}

async function saveOrders(tx: Tx, symbol: string, orders: readonly ExecutionOrder[], now: Date): Promise<void> {
	if (orders.length === 0) return;
	const money = (units: bigint) => fromUnits(units, ASSET_SCALE);
	await tx.query(
		`INSERT INTO orders (symbol, created_at, updated_at, order_id, user_id, side, price_ticks, rests, quantity_lots,
			filled_lots, filled_notional, fee, hold, status, reject_code, report_seq, arrival_seq)
		SELECT $1, $2::timestamptz, $2::timestamptz, * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[],
			$7::boolean[], $8::bigint[], $9::bigint[], $10::numeric[], $11::numeric[], $12::numeric[], $13::text[],
			$14::text[], $15::integer[], $16::bigint[])
		ON CONFLICT (order_id) DO UPDATE SET filled_lots = excluded.filled_lots,
			filled_notional = excluded.filled_notional, fee = excluded.fee, hold = excluded.hold, status = excluded.status,
			report_seq = excluded.report_seq, updated_at = excluded.updated_at`,
		[
			symbol,
			now,
			orders.map((order) => order.orderId),
			orders.map((order) => order.userId),
			orders.map((order) => order.side),
			orders.map((order) => order.priceTicks),
			orders.map((order) => order.rests),
			orders.map((order) => order.quantityLots),
			orders.map((order) => order.filledLots),
			orders.map((order) => money(order.filledNotional)),
			orders.map((order) => money(order.fee)),
			orders.map((order) => money(order.hold)),
			orders.map((order) => order.status),
			orders.map((order) => order.rejectReason),
			orders.map((order) => order.reportSeq),
			orders.map((order) => order.arrivalSeq),
		],
	);
}

async function saveTrades(tx: Tx, market: Market, trades: readonly ExecutedTrade[], now: Date): Promise<void> {
	await tx.query(
		`INSERT INTO trades (symbol, created_at, trade_id, trade_seq, price, quantity, taker_side, maker_order_id,
			taker_order_id, maker_user_id, taker_user_id, maker_fee, taker_fee, maker_report_seq, taker_report_seq)
		SELECT $1, $2::timestamptz, * FROM unnest($3::uuid[], $4::bigint[], $5::numeric[], $6::numeric[], $7::text[],
			$8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], $12::numeric[], $13::numeric[], $14::integer[], $15::integer[])`,
		[
			market.symbol,
			now,
			trades.map((trade) => trade.tradeId),
			trades.map((trade) => trade.tradeSeq),
			trades.map((trade) => fromTicks(market, trade.ticks)),
			trades.map((trade) => fromLots(market, trade.lots)),
			trades.map((trade) => trade.taker.side),
			trades.map((trade) => trade.maker.orderId),
			trades.map((trade) => trade.taker.orderId),
			trades.map((trade) => trade.maker.userId),
			trades.map((trade) => trade.taker.userId),
			trades.map((trade) => fromUnits(trade.makerFee, ASSET_SCALE)),
			trades.map((trade) => fromUnits(trade.takerFee, ASSET_SCALE)),
			trades.map((trade) => trade.makerReportSeq),
			trades.map((trade) => trade.takerReportSeq),
		],
	);
}
