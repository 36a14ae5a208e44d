import type { Instrument } from "../../../contracts/data.ts";
import type { OrderType, PlaceLeg, PlaceOrder, Side } from "../../../contracts/orders.ts";
import { compareDecimals } from "../../../lib/kernel/decimal.ts";
import { checkMetadata, type Problem, problem } from "./checks.ts";
import { type CheckedOrder, checkRequest } from "./request.ts";

/** A request that has been checked, with the legs of its order; a simple one has none. */
export type CheckedPlacement =
	| { readonly ok: true; readonly terms: CheckedOrder; readonly legs: readonly CheckedOrder[] }
	| { readonly ok: false; readonly errors: readonly Problem[] };

/** What an oco leaves to its legs. */
const OF_LEGS = [
	"order_type",
	"notional",
	"price",
	"stop_price",
	"trail_amount",
	"trail_percent",
	"post_only",
	"display_quantity",
] as const;
/** What a leg says for itself; what is wrong with the rest of it is wrong with its parent. */
const OWN = /^\/(order_type|price|stop_price|trail_amount|trail_percent)$/;

/** A leg on its way through the checks, as an order of its own. */
interface Leg {
	readonly pointer: string;
	readonly request: PlaceOrder;
	readonly type: OrderType;
}

/** Checks a request with its legs: tells all that is wrong with each of them. */
export function checkPlacement(request: PlaceOrder, instrument: Instrument, now: Date): CheckedPlacement {
	const { order_class: orderClass = "simple", legs, ...own } = request;
	if (orderClass === "oco") return checkOco({ ...own, order_class: orderClass }, legs ?? [], instrument, now);
	const checked = checkRequest(request, instrument, now);
	if (orderClass === "bracket") return checkBracket(checked, request, legs ?? [], instrument, now);
	const unwanted = legs === undefined ? [] : problem("/legs", "NOT_ALLOWED", "a simple order has no legs");
	if (checked.ok && unwanted.length === 0) return { ok: true, terms: checked.terms, legs: [] };
	return { ok: false, errors: [...(checked.ok ? [] : checked.errors), ...unwanted] };
}

/** An oco has the terms of its take profit, since that is what it shows. */
function checkOco(
	request: Omit<PlaceOrder, "legs">,
	asked: readonly PlaceLeg[],
	instrument: Instrument,
	now: Date,
): CheckedPlacement {
	const { side, time_in_force: tif, client_order_id = null, metadata = {} } = request;
	const unwanted = OF_LEGS.filter((field) => request[field] !== undefined);
	const shared = { ...request, metadata: {} };
	for (const field of unwanted) delete shared[field];
	const legs = asked.map((leg, i) => legOf(leg, i, shared));
	const checked = legs.map((leg) => checkRequest(leg.request, instrument, now));
	const errors = [
		...unwanted.flatMap((field) => problem(`/${field}`, "NOT_ALLOWED", `an oco leaves its ${field} to its legs`)),
		...(tif === "ioc" || tif === "fok" ? problem("/time_in_force", "NOT_ALLOWED", "the legs of an oco wait") : []),
		...(legs.length === 2 ? [] : problem("/legs", legs.length === 0 ? "REQUIRED" : "TOO_SHORT", "an oco has two legs")),
		...checkMetadata(metadata),
		...checkKinds(legs),
		...checked.flatMap((result, i) => (result.ok ? [] : result.errors.map((error) => placed(error, legs[i])))),
	];
	if (errors.length === 0) errors.push(...checkPrices(side, legs, null));
	const terms = checked.map((result) => (result.ok ? result.terms : null));
	const limit = terms.find((leg) => leg?.order_type === "limit");
	if (errors.length > 0 || !limit) return { ok: false, errors: distinct(errors) };
	return { ok: true, terms: { ...limit, client_order_id, metadata }, legs: terms.flatMap((leg) => leg ?? []) };
}

/** Exits last until they are executed or canceled: what protects a position must not end before it. */
function checkBracket(
	entry: ReturnType<typeof checkRequest>,
	request: PlaceOrder,
	asked: readonly PlaceLeg[],
	instrument: Instrument,
	now: Date,
): CheckedPlacement {
	const { symbol, quantity, self_trade_prevention: stp } = request;
	const side = request.side === "buy" ? "sell" : "buy";
	const shared: PlaceOrder = {
		symbol,
		side,
		order_class: "bracket",
		...(quantity !== undefined && { quantity }),
		...(stp !== undefined && { self_trade_prevention: stp }),
	};
	const legs = asked.map((leg, i) => legOf(leg, i, shared));
	const checked = legs.map((leg) => checkRequest(leg.request, instrument, now));
	const errors = [
		...(entry.ok ? [] : entry.errors),
		...(request.notional === undefined ? [] : problem("/notional", "NOT_ALLOWED", "a bracket has a quantity")),
		...(legs.length > 0 ? [] : problem("/legs", "REQUIRED", "a bracket has a take profit, a stop loss or both")),
		...checkKinds(legs),
		...checked.flatMap((result, i) => (result.ok ? [] : result.errors.map((error) => placed(error, legs[i])))),
	];
	if (errors.length === 0) errors.push(...checkPrices(side, legs, request.price ?? request.stop_price ?? null));
	if (errors.length > 0 || !entry.ok) return { ok: false, errors: distinct(errors) };
	return { ok: true, terms: entry.terms, legs: checked.flatMap((result) => (result.ok ? result.terms : [])) };
}

function legOf(leg: PlaceLeg, i: number, shared: PlaceOrder): Leg {
	const { client_order_id: _id, ...rest } = shared;
	const type = typeOf(leg);
	return { pointer: `/legs/${i}`, request: { ...rest, ...leg, order_type: type }, type };
}

function typeOf({ order_type, price, stop_price, trail_amount, trail_percent }: PlaceLeg): OrderType {
	if (order_type !== undefined) return order_type;
	if (trail_amount !== undefined || trail_percent !== undefined) return "trailing_stop";
	if (stop_price === undefined) return "limit";
	return price === undefined ? "stop" : "stop_limit";
}

function placed(error: Problem, leg: Leg | undefined): Problem {
	return leg && OWN.test(error.pointer) ? { ...error, pointer: leg.pointer + error.pointer } : error;
}

function checkKinds([first, second]: readonly Leg[]): Problem[] {
	if (!first || !second || (first.type === "limit") !== (second.type === "limit")) return [];
	return problem(`${second.pointer}/order_type`, "NOT_ALLOWED", "of two legs one is a limit and the other a stop");
}

/**
 * The prices of legs that sell rise from the stop over the entry to the limit, of legs that buy they fall. A trailing
 * stop has none before it comes, nor has an entry at the market.
 */
function checkPrices(side: Side, legs: readonly Leg[], entry: string | null): Problem[] {
	const priceOf = (isLimit: boolean, field: "price" | "stop_price", name: string) =>
		legs
			.filter(({ type }) => (type === "limit") === isLimit)
			.map((leg) => ({ pointer: `${leg.pointer}/${field}`, price: leg.request[field] ?? null, name }));
	const [limits, stops] = [priceOf(true, "price", "take profit"), priceOf(false, "stop_price", "stop loss")];
	const rising = [...stops, { pointer: null, price: entry, name: "entry" }, ...limits];
	const steps = (side === "sell" ? rising : rising.toReversed()).filter((step) => step.price !== null);
	return steps.flatMap((high, i) => {
		const low = steps[i - 1];
		if (!low || compareDecimals(low.price ?? "0", high.price ?? "0") < 0) return [];
		const pointer = high.pointer ?? low.pointer ?? "/legs";
		return problem(pointer, "OUT_OF_RANGE", `the ${high.name} must be above the ${low.name}`);
	});
}

/** The legs share what is wrong with their parent. */
function distinct(errors: readonly Problem[]): Problem[] {
	return [...new Map(errors.map((error) => [`${error.pointer} ${error.code}`, error])).values()];
}
