import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "moleculer";
import type { Meta, Principal } from "../../contracts/index.ts";
import type {
	ExecutionReport,
	SubmitOrder,
	SubmitPair,
	TradingApi,
	Transfer,
	TransferRequest,
} from "../../contracts/trading.ts";
import { callerOf, isAdmin, originOf } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { newId } from "../../lib/id.ts";
import { isDecimal, normalize, scaleOf, toUnits } from "../../lib/kernel/decimal.ts";
import { type FieldError, refuse, refuseFields } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { lockAccounts, saveAccounts } from "./account.store.ts";
import { accountOf, availableOn, EXTERNAL, type Posting, post } from "./domain/accounts.ts";
import { ASSET_SCALE } from "./domain/market.ts";
import { readReport } from "./fill.store.ts";
import { passOn } from "./forwarding.ts";
import type { Executed, MarketCommand } from "./market-batch.ts";
import type { MarketWriter } from "./market-writer.ts";
import type { Markets } from "./markets.ts";
import { insertTransfer, readTransfer } from "./transfer.store.ts";

export type Trading = Database & Outbox & Settings & { readonly markets: Markets };

/** How long a market whose writer has gone is waited for, and how often it is asked for. */
const HANDOVER_MS = 2_000;
const HANDOVER_POLL_MS = 50;

/** One transfer moves at most this many digits before the point. */
const MAX_TRANSFER_DIGITS = 15;

/** Executes an order once; the same order again gives what became of it. */
export async function submitOrder(trading: Trading, ctx: Context<SubmitOrder, Meta>): Promise<ExecutionReport> {
	const command = { kind: "submit", order: ctx.params, origin: originOf(ctx) } as const;
	return theOne(
		await execute(trading, ctx, command, async (nodeID) => [
			await call(ctx, "trading.submit", ctx.params, passOn(nodeID)),
		]),
	);
}

/** Executes a pair once; the same pair again gives what became of both. */
export function submitPair(trading: Trading, ctx: Context<SubmitPair, Meta>): Promise<readonly ExecutionReport[]> {
	const { limit, stop } = ctx.params;
	const command = { kind: "submit", order: limit, stop, origin: originOf(ctx) } as const;
	return execute(trading, ctx, command, (nodeID) => call(ctx, "trading.submitPair", ctx.params, passOn(nodeID)));
}

/** Ends an order, or gives the report of one that had already ended, or is to be ended only if it is new. */
export async function closeOrder(
	trading: Trading,
	ctx: Context<Parameters<TradingApi["close"]>[0], Meta>,
): Promise<ExecutionReport> {
	const { order, status, only_if_new: onlyIfNew = false } = ctx.params;
	const command = { kind: status, order, onlyIfNew, origin: originOf(ctx) };
	return theOne(
		await execute(trading, ctx, command, async (nodeID) => [
			await call(ctx, "trading.close", ctx.params, passOn(nodeID)),
		]),
	);
}

/** Gives a report of each order of the command. */
async function execute(
	trading: Trading,
	ctx: Context<unknown, Meta>,
	command: MarketCommand,
	forward: (nodeID: string) => Promise<readonly ExecutionReport[]>,
): Promise<readonly ExecutionReport[]> {
	const { order, stop } = command;
	const { writer } = await trading.markets.get(order.symbol);
	const executed = await executeOrLearnWhere(ctx, writer, command);
	failpoint("trading.before_reply");
	if (executed.at === "here") return executed.reports;
	if (executed.at === "halted") throw refuse("MARKET_NOT_OPEN", `Market ${order.symbol} is halted`);
	if (executed.at === "elsewhere") {
		if (ctx.meta.forwarded) throw refuse("SERVICE_UNAVAILABLE", `Market ${order.symbol} is changing hands`);
		return forward(executed.node);
	}
	return Promise.all([order, ...(stop ? [stop] : [])].map(({ order_id }) => reportOfKnown(trading, order_id)));
}

/** A writer that leaves gives its markets back, and one that died has lost them soon: nobody is asked who is gone. */
async function executeOrLearnWhere(
	{ broker }: Context,
	writer: MarketWriter,
	command: MarketCommand,
): Promise<Executed> {
	const giveUpAt = performance.now() + HANDOVER_MS;
	for (;;) {
		const executed = await writer.execute(command);
		if (executed.at !== "elsewhere" || performance.now() > giveUpAt) return executed;
		if (broker.registry.getActionEndpointByNodeId("trading.submit", executed.node)) return executed;
		await delay(HANDOVER_POLL_MS);
	}
}

async function reportOfKnown(trading: Trading, orderId: string): Promise<ExecutionReport> {
	const report = await readReport(trading.db, orderId, 0);
	if (!report) throw new Error(`order ${orderId} is known but has no row`);
	return report;
}

function theOne([report]: readonly ExecutionReport[]): ExecutionReport {
	if (!report) throw new Error("a command without a report");
	return report;
}

interface Moved {
	readonly transfer: Transfer;
	readonly replayed: boolean;
}

/** Pays paper money in: an admin for anybody, a user for himself where the setting allows it. */
export async function deposit(trading: Trading, ctx: Context<TransferRequest, Meta>): Promise<Moved> {
	const user = callerOf(ctx);
	if (!isAdmin(user) && !(await trading.setting("trading.paper_deposits"))) throw refuse("PAPER_DEPOSITS_DISABLED");
	return transfer(trading, ctx, "deposit", user);
}

/** Pays money out of what is available: a user from his own account, an admin from anybody's. */
export function withdraw(trading: Trading, ctx: Context<TransferRequest, Meta>): Promise<Moved> {
	return transfer(trading, ctx, "withdrawal", callerOf(ctx));
}

async function transfer(
	trading: Trading,
	ctx: Context<TransferRequest, Meta>,
	kind: Transfer["kind"],
	caller: Principal,
): Promise<Moved> {
	// As the database shows it, or a repeat would not look like what it repeats.
	const userId = (ctx.params.user_id ?? caller.user_id).toLowerCase();
	if (userId !== caller.user_id) await assertMayMoveFor(ctx, caller, userId);
	await assertTransferable(ctx, ctx.params);
	const draft = { ...ctx.params, kind, user_id: userId, amount: normalize(ctx.params.amount) };
	return trading.db.transaction(async (tx) => {
		const made = await insertTransfer(tx, newId(), caller.user_id, draft);
		if (!made) return replay(await readTransfer(tx, caller.user_id, draft.idempotency_key), draft);
		await moveMoney(tx, made);
		trading.stage(tx, [
			{
				type: kind === "deposit" ? "trading.deposited" : "trading.withdrawn",
				aggregate_id: `transfer:${made.transfer_id}`,
				aggregate_seq: 1,
				data: made,
				...originOf(ctx),
			},
		]);
		return { transfer: made, replayed: false };
	});
}

async function moveMoney(tx: Tx, { transfer_id: id, kind, user_id: owner, asset, amount }: Transfer): Promise<void> {
	const units = toUnits(amount, ASSET_SCALE);
	const accounts = await lockAccounts(tx, [EXTERNAL, owner], [asset]);
	if (kind === "withdrawal" && availableOn(accountOf(accounts, owner, asset)) < units)
		throw refuse("INSUFFICIENT_FUNDS");
	const into = kind === "deposit" ? units : -units;
	const line = (account: string, moved: bigint): Posting => ({
		journalId: id,
		kind,
		referenceId: id,
		owner: account,
		asset,
		amount: moved,
	});
	post(accounts, [line(owner, into), line(EXTERNAL, -into)]);
	saveAccounts(tx, accounts);
}

function replay(earlier: Transfer, draft: Omit<Transfer, "transfer_id" | "created_at">): Moved {
	const same = (["kind", "user_id", "asset", "amount"] as const).every((field) => earlier[field] === draft[field]);
	if (!same) throw refuse("IDEMPOTENCY_KEY_REUSED");
	return { transfer: earlier, replayed: true };
}

async function assertMayMoveFor(ctx: Context<unknown, Meta>, caller: Principal, userId: string): Promise<void> {
	if (!isAdmin(caller)) throw refuse("FORBIDDEN");
	if (!(await call(ctx, "users.find", { user_id: userId }))) throw refuse("NOT_FOUND", "There is no such user");
}

async function assertTransferable(ctx: Context<unknown, Meta>, { asset, amount }: TransferRequest): Promise<void> {
	const errors: FieldError[] = [];
	const refuseAmount = (code: string, message: string) => errors.push({ pointer: "/amount", code, message });
	if (!isDecimal(amount)) refuseAmount("INVALID_DECIMAL", 'amount must be a plain decimal such as "100.50"');
	else if (amount.startsWith("-") || /^0(\.0+)?$/.test(amount))
		refuseAmount("NOT_POSITIVE", "amount must be more than 0");
	else if (scaleOf(amount) > ASSET_SCALE)
		refuseAmount("TOO_FINE", `amount may have ${ASSET_SCALE} digits after the point`);
	else if ((amount.split(".")[0] as string).length > MAX_TRANSFER_DIGITS)
		refuseAmount("TOO_LARGE", "amount is too large");
	const { items } = await call(ctx, "data.instruments");
	if (!items.some((instrument) => instrument.base_asset === asset || instrument.quote_asset === asset))
		errors.push({ pointer: "/asset", code: "UNKNOWN_ASSET", message: "No listed instrument has this asset" });
	if (errors.length > 0) throw refuseFields(errors);
}
