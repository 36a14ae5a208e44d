import type { ServiceBroker } from "moleculer";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import type { Db } from "../../lib/db.ts";
import { call } from "../../lib/service.ts";
import { person } from "./people.ts";
import { until } from "./until.ts";

export type Person = ReturnType<typeof person>;

/** The terms of an order that are other than usual. */
export type Asked = Partial<PlaceOrder>;

const PLENTY = { BTC: "1000000", ETH: "1000000", USD: "1000000", USDT: "1000000" };

/**
 * What users do and see by calls to the broker that `broker` gives each time: a restart makes another one. Orders are
 * to buy BTC-USD unless `usual` or the one who asks tells otherwise.
 */
export function deskOf(broker: () => ServiceBroker, usual: Asked = {}) {
	const submit = (who: Person, asked: Asked) =>
		call(broker(), "orders.place", { symbol: "BTC-USD", side: "buy", ...usual, ...asked }, who);
	const place = async (who: Person, asked: Asked) => (await submit(who, asked)).order;
	const get = (who: Person, { order_id }: Order) => call(broker(), "orders.get", { order_id }, who);
	const balanceOf = async (who: Person, asset: string) =>
		(await call(broker(), "trading.balances", undefined, who)).find((row) => row.asset === asset);
	return {
		/** A user with paper money, which he pays in as an admin. */
		async rich(username: string, paidIn: Readonly<Record<string, string>> = PLENTY): Promise<Person> {
			const somebody = person(username, "admin");
			for (const [asset, amount] of Object.entries(paidIn))
				await call(broker(), "trading.deposit", { asset, amount, idempotency_key: asset }, somebody);
			return somebody;
		},
		submit,
		place,
		get,
		cancel: (who: Person, { order_id }: Order) => call(broker(), "orders.cancel", { order_id }, who),
		replace: async (who: Person, { order_id }: Order, change: { quantity?: string; price?: string }) =>
			(await call(broker(), "orders.replace", { order_id, ...change }, who)).order,
		/** Cancels all that they have open. */
		async clear(...owners: readonly Person[]): Promise<void> {
			for (const who of owners) await call(broker(), "orders.cancelAll", {}, who);
		},
		/** Resolves once the order has this status. */
		becomes: (who: Person, order: Order, status: Order["status"]) =>
			until(async () => (await get(who, order)).status === status),
		heldBy: async (who: Person, asset: string) => (await balanceOf(who, asset))?.held,
		/** What somebody has of an asset, such as `1 (0.5 held)`. */
		async funds(who: Person, asset: string): Promise<string> {
			const row = await balanceOf(who, asset);
			return `${row?.balance} (${row?.held} held)`;
		},
		/** Makes `price` the last price. */
		async trade(seller: Person, buyer: Person, price: string, symbol = "BTC-USD"): Promise<void> {
			await place(seller, { symbol, side: "sell", quantity: "0.1", price });
			await place(buyer, { symbol, side: "buy", quantity: "0.1", price });
		},
	};
}

/** Another writer takes the market over, and is gone: the next command rebuilds the book from its rows. */
export async function takeOver(trading: Db, symbol: string): Promise<void> {
	await trading.query(
		`UPDATE markets SET epoch = epoch + 1, owner_node = 'other', owner_instance = 'other', lease_until = '-infinity'
		WHERE symbol = $1`,
		[symbol],
	);
}
