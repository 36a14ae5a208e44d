import type { Order } from "../../../contracts/orders.ts";
import { compareDecimals } from "../../../lib/kernel/decimal.ts";
import { isTerminal } from "../../../services/orders/domain/order-state.ts";
import { type Answer, type Asked, type ClientLog, type Entry, isRefused, isSuccess, settledBy } from "./client-log.ts";
import { badMoney } from "./money.ts";
import type { View } from "./views.ts";

/** Something that is not as it must be. */
export interface Offence {
	readonly kind: "unsettled" | "lost" | "doubled" | "wrong";
	readonly what: string;
}

/** The refusals that the traders' requests may meet; any other is wrong. */
const EXPECTED: ReadonlySet<unknown> = new Set([
	"INSUFFICIENT_FUNDS",
	"ILLEGAL_TRANSITION",
	"MAX_OPEN_ORDERS",
	"NO_LAST_PRICE",
	"NO_LIQUIDITY",
	"SELF_TRADE_PREVENTED",
	"TOO_LATE_TO_REPLACE",
]);
const INTERNAL_ERROR = 500;

/** What differs between what the traders were told and what the gateway shows them once all is at rest. */
export function findOffences(
	log: ClientLog,
	views: readonly View[],
	deposits: Readonly<Record<string, string>>,
): Offence[] {
	const orders = new Map(views.flatMap((view) => view.orders).map((order) => [order.order_id, order]));
	const byClientId = Map.groupBy(
		views.flatMap((view) => view.orders).filter((order) => order.client_order_id !== null),
		(order) => keyOf(order.user_id, order.client_order_id),
	);
	return [
		...log.flatMap(badAnswers),
		...log.flatMap((entry) => badOutcome(entry, orders, byClientId)),
		...strangers(log, views),
		...[...orders.values()].flatMap((order) => badEnd(order, orders)),
		...badMoney(views, deposits),
	];
}

function badAnswers({ asked, answers }: Entry): Offence[] {
	return answers.flatMap((answer) => {
		const code = String(answer.body["code"]);
		const wrong = answer.status === INTERNAL_ERROR || (isRefused(answer) && !EXPECTED.has(code));
		return wrong ? [offence("wrong", `${nameOf(asked)} was answered with ${answer.status} ${code}`)] : [];
	});
}

/** What a request was told has become of it, and nothing else has. */
function badOutcome(
	entry: Entry,
	orders: ReadonlyMap<string, Order>,
	byClientId: ReadonlyMap<string, readonly Order[]>,
): Offence[] {
	const { asked, answers, user_id } = entry;
	const found: Offence[] = [];
	if (!settledBy(entry))
		found.push(offence("unsettled", `${nameOf(asked)} was never settled: ${JSON.stringify(answers.at(-1))}`));
	if (asked.kind === "place") {
		const kept = byClientId.get(keyOf(user_id, asked.order.client_order_id)) ?? [];
		if (kept.length > 1) found.push(offence("doubled", `${nameOf(asked)} was placed ${kept.length} times`));
	}
	for (const answer of answers) {
		if (isSuccess(answer)) found.push(...badSuccess(entry, answer, orders));
		else if (isRefused(answer)) found.push(...badRefusal(entry, answer, orders));
	}
	return found;
}

function badSuccess({ asked, user_id }: Entry, { body }: Answer, orders: ReadonlyMap<string, Order>): Offence[] {
	const told = body as unknown as Order;
	const now = orders.get(told.order_id);
	if (!now) return [offence("lost", `${nameOf(asked)} is not there: order ${told.order_id} was ${told.status}`)];
	const differing = Object.entries(termsOf(asked)).filter(
		([field, value]) => now[field as keyof Order] !== value || told[field as keyof Order] !== value,
	);
	return [
		...(differing.length > 0 || now.user_id !== user_id
			? [offence("wrong", `${nameOf(asked)} became another order: ${JSON.stringify(now)}`)]
			: []),
		...(follows(told, now) ? [] : [offence("lost", `${nameOf(asked)} was ${stateOf(told)} and is ${stateOf(now)}`)]),
	];
}

/** What the order that a request made or ended must be, whatever else has become of it. */
function termsOf(asked: Asked): Partial<Record<keyof Order, unknown>> {
	if (asked.kind === "place") return asked.order;
	if (asked.kind === "replace") return { replaces: asked.order_id, ...(asked.price && { price: asked.price }) };
	return { order_id: asked.order_id, status: "canceled" };
}

/** An order that was refused is kept as such; one that could not be canceled or replaced had ended. */
function badRefusal({ asked }: Entry, { body }: Answer, orders: ReadonlyMap<string, Order>): Offence[] {
	const { order_id, code } = body;
	const refused = orders.get(String(order_id));
	if (order_id !== undefined && (refused?.status !== "rejected" || refused.reject_code !== code))
		return [
			offence("wrong", `${nameOf(asked)} was refused with ${String(code)} and is ${refused?.status ?? "not there"}`),
		];
	if (asked.kind === "place" || code !== "ILLEGAL_TRANSITION") return [];
	const old = orders.get(asked.order_id);
	return old && isTerminal(old.status)
		? []
		: [
				offence(
					"wrong",
					`${nameOf(asked)} was refused as one of an ended order, which is ${old?.status ?? "not there"}`,
				),
			];
}

/** Every order is one that was asked for. */
function strangers(log: ClientLog, views: readonly View[]): Offence[] {
	const placed = new Set(
		log.flatMap(({ asked, user_id }) => (asked.kind === "place" ? [keyOf(user_id, asked.order.client_order_id)] : [])),
	);
	const replaced = new Set(log.flatMap(({ asked }) => (asked.kind === "replace" ? [asked.order_id] : [])));
	const known = ({ user_id, client_order_id, replaces }: Order) =>
		replaces === null ? placed.has(keyOf(user_id, client_order_id)) : replaced.has(replaces);
	return views
		.flatMap((view) => view.orders)
		.filter((order) => !known(order))
		.map((order) => offence("doubled", `nobody has asked for order ${order.order_id}`));
}

/** No order is still on its way; one that was replaced was by exactly one other. */
function badEnd(order: Order, orders: ReadonlyMap<string, Order>): Offence[] {
	if (order.status === "pending") return [offence("wrong", `order ${order.order_id} is pending`)];
	if (order.status !== "replaced") return [];
	const by = orders.get(order.replaced_by ?? "");
	return by?.replaces === order.order_id ? [] : [offence("wrong", `order ${order.order_id} is replaced by nobody`)];
}

/** Whether an order that was `told` may be what it is `now`: what had ended stays as it was, nothing is taken back. */
function follows(told: Order, now: Order): boolean {
	if (now.version < told.version || compareDecimals(now.filled_quantity, told.filled_quantity) < 0) return false;
	return !isTerminal(told.status) || stateOf(told) === stateOf(now);
}

function stateOf({ status, filled_quantity, quantity, version }: Order): string {
	return `${status}, ${filled_quantity} of ${quantity} filled, version ${version}`;
}

function nameOf(asked: Asked): string {
	return asked.kind === "place" ? `order '${asked.order.client_order_id}'` : `the ${asked.kind} of ${asked.order_id}`;
}

function keyOf(userId: string, clientOrderId: string | null): string {
	return `${userId} ${clientOrderId}`;
}

function offence(kind: Offence["kind"], what: string): Offence {
	return { kind, what };
}
