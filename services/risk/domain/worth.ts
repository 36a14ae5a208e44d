import type { SubmitOrder } from "../../../contracts/trading.ts";
import { compareDecimals } from "../../../lib/kernel/decimal.ts";
import type { Proposal } from "./decide.ts";

type Priced = Pick<SubmitOrder, "side" | "quantity" | "notional" | "price" | "stop_price">;

/** Whether an order may trade at the market's price rather than its own: only a limit to buy never costs more. */
export function needsMark({ side, notional, price }: Priced): boolean {
	return notional === null && (side === "sell" || price === null);
}

/**
 * What an order may trade for: its notional, or its quantity at its price. One that takes the market's price may trade
 * at its stop or at the last price, `mark`, and a sale at its limit or better: the higher of the two counts.
 */
export function worthOf(order: Priced, mark: string | null): Pick<Proposal, "quantity" | "price"> {
	const { quantity, notional, price, stop_price } = order;
	if (notional !== null) return { quantity: "1", price: notional };
	const own = price ?? stop_price;
	return { quantity, price: needsMark(order) ? higher(own, mark) : own };
}

function higher(a: string | null, b: string | null): string | null {
	if (a === null || b === null) return a ?? b;
	return compareDecimals(a, b) > 0 ? a : b;
}
