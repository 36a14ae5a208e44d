import type { Fill } from "../../../contracts/trading.ts";
import { fromUnits, multiplyDecimals, normalize, toUnits } from "../../../lib/kernel/decimal.ts";
import type { Offence } from "./check.ts";
import type { View } from "./views.ts";

/** Enough for a price times a quantity. */
const SCALE = 20;

/** What is wrong with fills and balances: each trade is there once, from both sides, each account is exact. */
export function badMoney(views: readonly View[], deposits: Readonly<Record<string, string>>): Offence[] {
	return [...views.flatMap(badFills), ...badTrades(views), ...views.flatMap((view) => badBalances(view, deposits))];
}

/** The fills of each order are different ones, and add up to what the order shows. */
function badFills({ orders, fills }: View): Offence[] {
	const found = repeated(fills.map((fill) => `${fill.trade_id} ${fill.liquidity}`)).map((key) =>
		doubled(`fill ${key}`),
	);
	const byOrder = Map.groupBy(fills, (fill) => fill.order_id);
	for (const { order_id, filled_quantity, fee } of orders) {
		const own = byOrder.get(order_id) ?? [];
		const sums = [sumOf(own.map((fill) => fill.quantity)), sumOf(own.map((fill) => fill.fee))];
		byOrder.delete(order_id);
		if (sums[0] !== filled_quantity || sums[1] !== fee)
			found.push(
				wrong(`order ${order_id} shows ${filled_quantity} filled, fee ${fee}; its fills ${sums.join(", fee ")}`),
			);
	}
	return [...found, ...[...byOrder.keys()].map((id) => wrong(`there are fills of order ${id}, which is not there`))];
}

/** All traders together see each trade from both sides. */
function badTrades(views: readonly View[]): Offence[] {
	const byTrade = Map.groupBy(
		views.flatMap((view) => view.fills),
		(fill) => fill.trade_id,
	);
	return [...byTrade].flatMap(([id, fills]) => {
		const [maker, taker] = fills.toSorted((a, b) => (a.liquidity < b.liquidity ? -1 : 1));
		const whole =
			fills.length === 2 &&
			maker?.liquidity === "maker" &&
			taker?.liquidity === "taker" &&
			maker.side !== taker.side &&
			maker.quantity === taker.quantity &&
			maker.price === taker.price;
		return whole ? [] : [wrong(`trade ${id} has the sides ${JSON.stringify(fills)}`)];
	});
}

/** A balance is what was paid in, and what each fill has moved. */
function badBalances({ user_id, fills, balances }: View, deposits: Readonly<Record<string, string>>): Offence[] {
	const due = new Map(Object.entries(deposits).map(([asset, amount]) => [asset, toUnits(amount, SCALE)]));
	const move = (asset: string, units: bigint) => due.set(asset, (due.get(asset) ?? 0n) + units);
	for (const fill of fills) {
		const [base = "", quote = ""] = fill.symbol.split("-");
		const into = fill.side === "buy" ? 1n : -1n;
		move(base, into * toUnits(fill.quantity, SCALE));
		move(quote, -into * costOf(fill) - toUnits(fill.fee, SCALE));
	}
	const has = new Map(balances.map(({ asset, balance }) => [asset, normalize(balance)]));
	return [...due]
		.map(([asset, units]) => ({ asset, is: has.get(asset) ?? "0", must: fromUnits(units, SCALE) }))
		.filter(({ is, must }) => is !== must)
		.map(({ asset, is, must }) => wrong(`${user_id} has ${is} ${asset}, by his fills it must be ${must}`));
}

function costOf({ price, quantity }: Fill): bigint {
	return toUnits(multiplyDecimals(price, quantity), SCALE);
}

function sumOf(amounts: readonly string[]): string {
	return fromUnits(
		amounts.reduce((sum, amount) => sum + toUnits(amount, SCALE), 0n),
		SCALE,
	);
}

function repeated(keys: readonly string[]): string[] {
	return [...Map.groupBy(keys, (key) => key)].flatMap(([key, same]) => (same.length > 1 ? [key] : []));
}

function doubled(what: string): Offence {
	return { kind: "doubled", what: `${what} is there twice` };
}

function wrong(what: string): Offence {
	return { kind: "wrong", what };
}
