import type { Order } from "../../contracts/orders.ts";
import type { Asked, deskOf, Person } from "./desk.ts";
import { until } from "./until.ts";

/** The usual order of the tests of linked orders, and an oco and a bracket on a market at 100. */
export const SELL_ONE = { side: "sell", quantity: "1" } as const satisfies Asked;
const exits = { legs: [{ price: "110" }, { stop_price: "90" }] } as const;
export const OCO = { order_class: "oco", ...exits } as const;
export const BRACKET = { order_class: "bracket", side: "buy", price: "100", ...exits } as const;

/** An order and its legs as one line each: `open 0 of 1`. */
export const shownOf = (order: Order): readonly string[] =>
	[order, ...(order.legs ?? [])].map((one) => `${one.status} ${one.filled_quantity} of ${one.quantity}`);

/** Gives what resolves once an order and its legs are shown so. */
export function becomesAt({ get }: ReturnType<typeof deskOf>) {
	return (who: Person, order: Order, ...shown: readonly string[]): Promise<void> =>
		until(async () => JSON.stringify(shownOf(await get(who, order))) === JSON.stringify(shown)).catch(async () =>
			expect(shownOf(await get(who, order))).toEqual(shown),
		);
}
