import type { Order } from "../../../contracts/orders.ts";
import type { Fill } from "../../../contracts/trading.ts";
import { findOffences } from "../../faults/product/check.ts";
import type { Answer, Asked, Entry } from "../../faults/product/client-log.ts";
import type { View } from "../../faults/product/views.ts";
import { PLAIN } from "../../support/orders.ts";

const DEPOSITS = { USD: "1000", BTC: "2" };

interface Scene {
	readonly log: Entry[];
	readonly views: { user_id: string; orders: Order[]; fills: Fill[]; balances: View["balances"][number][] }[];
}

test("what is as the traders were told has no offences", () => {
	const { log, views } = scene();
	expect(findOffences(log, views, DEPOSITS)).toEqual([]);
});

// Ann has bought 1 BTC for 100 USD from Bob, canceled an order, replaced one, and met a refusal.
test.each<[what: string, kind: string, change: (scene: Scene) => void, offence: RegExp]>([
	["an order that is gone", "lost", ({ views }) => remove(views, "ann-open"), /'open' is not there/],
	[
		"a filled order that is open again",
		"lost",
		({ views }) => Object.assign(find(views, "ann-buy"), { status: "open" }),
		/'buy' was filled/,
	],
	[
		"an order placed twice",
		"doubled",
		({ views }) => add(views, { ...find(views, "ann-open"), order_id: "again" }),
		/'open' was placed 2 times/,
	],
	[
		"an order that nobody has asked for",
		"doubled",
		({ views }) => add(views, { ...find(views, "ann-open"), order_id: "x", client_order_id: "x" }),
		/nobody has asked for order x/,
	],
	[
		"an order at another price",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-open"), { price: "91" }),
		/'open' became another order/,
	],
	[
		"somebody else's order",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-open"), { user_id: "bob" }),
		/'open' became another order/,
	],
	[
		"an order still pending",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-open"), { status: "pending" }),
		/is pending/,
	],
	[
		"a canceled order that is open",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-canceled"), { status: "open", version: 9 }),
		/the cancel of ann-canceled/,
	],
	[
		"a cancel refused although the order is open",
		"wrong",
		({ log }) => log.push(entry({ kind: "cancel", order_id: "ann-open" }, refused("ILLEGAL_TRANSITION"))),
		/refused as one of an ended order, which is open/,
	],
	[
		"a replaced order without a successor",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-old"), { replaced_by: "ann-open" }),
		/is replaced by nobody/,
	],
	[
		"a refused order that is open",
		"wrong",
		({ views }) => Object.assign(find(views, "ann-refused"), { status: "open" }),
		/was refused with NO_LIQUIDITY and is open/,
	],
	[
		"a request that was never settled",
		"unsettled",
		({ log }) => log.push(entry(placing("late"), answer(503, {}))),
		/'late' was never settled/,
	],
	[
		"an internal error",
		"wrong",
		({ log }) => log[0]?.answers.unshift(answer(500, { code: "INTERNAL_ERROR" })),
		/answered with 500/,
	],
	[
		"a refusal that nothing explains",
		"wrong",
		({ log }) => log.push(entry(placing("key"), refused("CLIENT_ORDER_ID_REUSED"))),
		/409 CLIENT_ORDER_ID_REUSED/,
	],
	[
		"a fill that is there twice",
		"doubled",
		({ views }) => views[0]?.fills.push(views[0].fills[0] as Fill),
		/fill trade-1 taker is there twice/,
	],
	["a trade with one side", "wrong", ({ views }) => views[1]?.fills.pop(), /trade trade-1 has the sides/],
	[
		"an order filled for more than its fills",
		"wrong",
		({ views }) => Object.assign(views[0]?.fills[0] as Fill, { quantity: "0.5" }),
		/shows 1 filled/,
	],
	[
		"money from nowhere",
		"wrong",
		({ views }) => Object.assign(views[0]?.balances[0] as object, { balance: "900" }),
		/ann has 900 USD, by his fills it must be 899.8/,
	],
])("%s is found", (_what, kind, change, offence) => {
	const changed = scene();
	change(changed);
	const found = findOffences(changed.log, changed.views, DEPOSITS);
	expect(found).toContainEqual({ kind, what: expect.stringMatching(offence) });
});

function scene(): Scene {
	const buy = order("ann-buy", {
		client_order_id: "buy",
		status: "filled",
		filled_quantity: "1",
		fee: "0.2",
		version: 2,
	});
	const open = order("ann-open", { client_order_id: "open" });
	const canceled = order("ann-canceled", { client_order_id: "canceled", status: "canceled", version: 2 });
	const old = order("ann-old", { client_order_id: "old", status: "replaced", replaced_by: "ann-new", version: 2 });
	const replacing = order("ann-new", { client_order_id: null, replaces: "ann-old", price: "80" });
	const no = order("ann-refused", { client_order_id: "refused", status: "rejected", reject_code: "NO_LIQUIDITY" });
	const sell = order("bob-sell", {
		user_id: "bob",
		side: "sell",
		client_order_id: "sell",
		status: "filled",
		filled_quantity: "1",
		fee: "0.1",
	});
	const told = (of: Order): Answer => answer(201, structuredClone({ ...of }));
	const log = [
		entry(placing("buy"), told({ ...buy, status: "pending", filled_quantity: "0", version: 1 }), told(buy)),
		entry(placing("open"), answer(0, {}), told(open)),
		entry(placing("canceled"), told({ ...canceled, status: "open", version: 1 })),
		entry({ kind: "cancel", order_id: "ann-canceled" }, told(canceled)),
		entry(placing("old"), told({ ...old, status: "open", version: 1 })),
		entry({ kind: "replace", order_id: "ann-old", price: "80" }, told(replacing)),
		entry(placing("refused"), answer(422, { code: "NO_LIQUIDITY", order_id: "ann-refused" })),
		{ ...entry(placing("sell", "sell"), told(sell)), user_id: "bob" },
	];
	const views = [
		{
			user_id: "ann",
			orders: [buy, open, canceled, old, replacing, no],
			fills: [fill({ user_id: "ann", order_id: "ann-buy", side: "buy", liquidity: "taker", fee: "0.2" })],
			balances: [balance("USD", "899.8"), balance("BTC", "3")],
		},
		{
			user_id: "bob",
			orders: [sell],
			fills: [fill({ user_id: "bob", order_id: "bob-sell", side: "sell", liquidity: "maker", fee: "0.1" })],
			balances: [balance("USD", "1099.9"), balance("BTC", "1")],
		},
	];
	return { log, views };
}

function placing(client_order_id: string, side: "buy" | "sell" = "buy"): Asked {
	return { kind: "place", order: { client_order_id, symbol: "BTC-USD", side, quantity: "1", price: "100" } };
}

function entry(asked: Asked, ...answers: Answer[]): Entry {
	return { user_id: "ann", asked, begunAt: 0, answers };
}

function answer(status: number, body: Answer["body"]): Answer {
	return { status, body, sentAt: 0, answeredAt: 1 };
}

function refused(code: string): Answer {
	return answer(409, { code });
}

function order(order_id: string, more: Partial<Order>): Order {
	return {
		...PLAIN,
		order_class: "simple",
		parent_id: null,
		order_id,
		user_id: "ann",
		client_order_id: null,
		symbol: "BTC-USD",
		side: "buy",
		order_type: "limit",
		time_in_force: "gtc",
		quantity: "1",
		price: "100",
		status: "open",
		reject_code: null,
		filled_quantity: "0",
		remaining_quantity: "1",
		average_price: null,
		fee: "0",
		fee_asset: "USD",
		metadata: {},
		replaced_by: null,
		version: 1,
		created_at: "2026-01-02T03:04:05.000Z",
		updated_at: "2026-01-02T03:04:05.000Z",
		closed_at: null,
		...more,
	};
}

function fill(more: Partial<Fill>): Fill {
	return {
		trade_id: "trade-1",
		symbol: "BTC-USD",
		price: "100",
		quantity: "1",
		fee_asset: "USD",
		report_seq: 1,
		created_at: "2026-01-02T03:04:05.000Z",
		...more,
	} as Fill;
}

function balance(asset: string, amount: string): View["balances"][number] {
	return { asset, balance: amount, held: "0", available: amount };
}

function find(views: Scene["views"], orderId: string): Order {
	return views.flatMap((view) => view.orders).find(({ order_id }) => order_id === orderId) as Order;
}

function add(views: Scene["views"], added: Order): void {
	views[0]?.orders.push(added);
}

function remove(views: Scene["views"], orderId: string): void {
	for (const view of views)
		view.orders.splice(0, Infinity, ...view.orders.filter(({ order_id }) => order_id !== orderId));
}
