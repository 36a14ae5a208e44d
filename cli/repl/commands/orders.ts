import type { Repeatable } from "../../../contracts/common.ts";
import type { Order, OrderStatus, PlaceOrder } from "../../../contracts/orders.ts";
import { call } from "../../../lib/service.ts";
import { countOf, type ReplCommand, textOf } from "../command.ts";
import { onBehalfOf, userOf } from "../people.ts";
import { printTable } from "../table.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 500;

/** `orders`: the newest orders of everybody, or of one user, symbol or status. */
export const orders: ReplCommand = {
	name: "orders",
	description: "List the newest orders of all users",
	options: [
		{ option: "--user <name>", description: "of one user, by name or id" },
		{ option: "--symbol <symbol>", description: "of one market" },
		{ option: "--status <status>", description: "in one status, such as open" },
		{ option: "--limit <number>", description: `how many (${DEFAULT_LIMIT} unless told, at most ${MAX_LIMIT})` },
	],
	async run(broker, given) {
		const [name, symbol, status] = ["user", "symbol", "status"].map((option) => textOf(given, option));
		const found = await call(broker, "orders.browse", {
			limit: countOf(given, "limit", DEFAULT_LIMIT, MAX_LIMIT),
			...(name && { user_id: (await userOf(broker, name)).user_id }),
			...(symbol && { symbol }),
			...(status && { status: status as OrderStatus }),
		});
		const rows = found.map((order) => [
			order.order_id,
			order.user_id,
			order.symbol,
			`${order.side} ${order.order_type}`,
			order.quantity,
			order.price ?? order.stop_price ?? "-",
			order.filled_quantity,
			order.reject_code ? `${order.status} ${order.reject_code}` : order.status,
		]);
		printTable(["order", "user", "symbol", "kind", "quantity", "price", "filled", "status"], rows, {
			nothing: "There are no such orders",
			right: ["quantity", "price", "filled"],
		});
	},
};

/** `order ID`: all that an order's owner sees of it. */
export const order: ReplCommand = {
	name: "order",
	args: "<order_id>",
	description: "Show an order; see also 'order place' and 'order cancel'",
	options: [],
	async run(broker, given) {
		show(await findOrder(broker, textOf(given, "order_id") as string));
	},
};

/** `order place`: an order on behalf of a user, as he would place it himself. */
export const orderPlace: ReplCommand = {
	name: "order place",
	args: "<side> <quantity> <symbol> [price]",
	description: "Place an order on behalf of a user: at a limit, or without a price at market",
	options: [
		{ option: "--user <name>", description: "whose order it is, by name or id" },
		{ option: "--time-in-force <tif>", description: "gtc, ioc, fok, day" },
		{ option: "--client-order-id <id>", description: "the same id places the order once" },
		{ option: "--idempotency-key <key>", description: "so does the same key, which the order does not show" },
	],
	async run(broker, given) {
		const name = textOf(given, "user");
		if (!name) throw new Error("Whose order is it? Say --user");
		const user = await userOf(broker, name);
		const price = textOf(given, "price");
		const tif = textOf(given, "timeInForce");
		const clientOrderId = textOf(given, "clientOrderId");
		const key = textOf(given, "idempotencyKey");
		const request = {
			symbol: textOf(given, "symbol"),
			side: textOf(given, "side"),
			quantity: textOf(given, "quantity"),
			...(price && { price }),
			...(tif && { time_in_force: tif }),
			...(clientOrderId && { client_order_id: clientOrderId }),
			...(key && { idempotency_key: key }),
		} as PlaceOrder & Repeatable;
		const { order: placed, replayed } = await call(broker, "orders.place", request, onBehalfOf(user));
		if (replayed) console.log("It was placed before:");
		show(placed);
	},
};

/** `order cancel ID`: ends what is left of an order. */
export const orderCancel: ReplCommand = {
	name: "order cancel",
	args: "<order_id>",
	description: "Cancel what is left of an order, whosever it is",
	options: [],
	async run(broker, given) {
		const { order_id } = await findOrder(broker, textOf(given, "order_id") as string);
		show(await call(broker, "orders.setStatus", { order_id, status: "canceled" }));
	},
};

async function findOrder(broker: Parameters<ReplCommand["run"]>[0], orderId: string): Promise<Order> {
	const [found] = await call(broker, "orders.browse", { limit: 1, order_id: orderId });
	if (!found) throw new Error(`There is no order '${orderId}'`);
	return found;
}

function show(shown: Order): void {
	const given = Object.entries(shown).filter(([, value]) => value !== null && value !== false);
	const width = Math.max(...given.map(([name]) => name.length));
	for (const [name, value] of given) {
		console.log(`  ${name.padEnd(width)}  ${typeof value === "object" ? JSON.stringify(value) : value}`);
	}
}
