import type { Instrument } from "../../../contracts/data.ts";
import type {
	OrderClass,
	OrderMetadata,
	OrderTerms,
	OrderType,
	PlaceOrder,
	TimeInForce,
} from "../../../contracts/orders.ts";
import { compareDecimals, multiplyDecimals, normalize } from "../../../lib/kernel/decimal.ts";
import { checkMetadata, checkMoney, checkPercent, checkPrice, checkQuantity, type Problem, problem } from "./checks.ts";

/** An order that meets an iceberg meets each slice of it, so there are not too many of them. */
const MAX_SLICES = "100";
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** A request that has been checked, with its defaults filled in and its decimals in their shortest form. */
export interface CheckedOrder extends OrderTerms {
	readonly order_class: OrderClass;
	readonly client_order_id: string | null;
	readonly metadata: OrderMetadata;
}

export type Checked =
	| { readonly ok: true; readonly terms: CheckedOrder }
	| { readonly ok: false; readonly errors: readonly Problem[] };

type Field = "quantity" | "notional" | "price" | "stop_price" | "trail_amount" | "trail_percent" | "display_quantity";

/** The fields that an order of a type has to have, and those that it may have. */
const FIELDS: Readonly<Record<OrderType, { readonly needs: readonly Field[]; readonly takes: readonly Field[] }>> = {
	market: { needs: [], takes: ["quantity", "notional"] },
	limit: { needs: ["quantity", "price"], takes: ["display_quantity"] },
	stop: { needs: ["quantity", "stop_price"], takes: [] },
	stop_limit: { needs: ["quantity", "price", "stop_price"], takes: ["display_quantity"] },
	trailing_stop: { needs: ["quantity"], takes: ["trail_amount", "trail_percent"] },
};

const CHECKS: Readonly<Record<Field, (pointer: string, text: string, instrument: Instrument) => Problem[]>> = {
	quantity: checkQuantity,
	notional: checkMoney,
	price: checkPrice,
	stop_price: checkPrice,
	trail_amount: checkPrice,
	trail_percent: checkPercent,
	display_quantity: checkQuantity,
};

/**
 * Checks the request of one order, whatever legs it has, against the rules of its instrument; tells all that is wrong
 * with it, not just the first.
 */
export function checkRequest(request: PlaceOrder, instrument: Instrument, now: Date): Checked {
	const type = request.order_type ?? (request.price === undefined ? "market" : "limit");
	const tif = request.time_in_force ?? "gtc";
	const errors = [
		...checkFields(request, type, instrument),
		...checkChoices(request, type),
		...checkTime(request, type, tif, now),
		...checkResting(request, type, tif),
		...checkMetadata(request.metadata ?? {}),
	];
	if (errors.length === 0) errors.push(...checkWorth(request, instrument), ...checkSlices(request));
	return errors.length > 0 ? { ok: false, errors } : { ok: true, terms: termsOf(request, type, tif) };
}

function termsOf(request: PlaceOrder, type: OrderType, tif: TimeInForce): CheckedOrder {
	const shortest = (field: Field) => (request[field] === undefined ? null : normalize(request[field]));
	return {
		order_class: request.order_class ?? "simple",
		symbol: request.symbol,
		side: request.side,
		order_type: type,
		time_in_force: tif,
		quantity: shortest("quantity") ?? "0",
		notional: shortest("notional"),
		price: shortest("price"),
		stop_price: shortest("stop_price"),
		trail_amount: shortest("trail_amount"),
		trail_percent: shortest("trail_percent"),
		expires_at: request.expires_at === undefined ? null : new Date(request.expires_at).toISOString(),
		post_only: request.post_only ?? false,
		reduce_only: request.reduce_only ?? false,
		display_quantity: shortest("display_quantity"),
		self_trade_prevention: request.self_trade_prevention ?? "expire_taker",
		client_order_id: request.client_order_id ?? null,
		metadata: request.metadata ?? {},
	};
}

function checkFields(request: PlaceOrder, type: OrderType, instrument: Instrument): Problem[] {
	const { needs, takes } = FIELDS[type];
	return (Object.keys(CHECKS) as Field[]).flatMap((field) => {
		const [pointer, text, needed] = [`/${field}`, request[field], needs.includes(field)];
		if (text === undefined)
			return needed ? problem(pointer, "REQUIRED", `a ${nameOf(type)} order needs a ${field}`) : [];
		if (!needed && !takes.includes(field))
			return problem(pointer, "NOT_ALLOWED", `a ${nameOf(type)} order has no ${field}`);
		return CHECKS[field](pointer, text, instrument);
	});
}

/** Where there are two ways to say something, one of them is to be taken. */
function checkChoices(request: PlaceOrder, type: OrderType): Problem[] {
	const has = (field: Field) => request[field] !== undefined;
	if (type === "market") {
		if (!has("quantity") && !has("notional"))
			return problem("/quantity", "REQUIRED", "a market order needs a quantity");
		if (has("notional") && request.side === "sell")
			return problem("/notional", "NOT_ALLOWED", "a sale has no notional");
		if (has("notional") && has("quantity"))
			return problem("/notional", "NOT_ALLOWED", "an order has a quantity or a notional");
	}
	if (type === "trailing_stop") {
		if (!has("trail_amount") && !has("trail_percent"))
			return problem("/trail_amount", "REQUIRED", "a trailing stop needs a trail_amount or a trail_percent");
		if (has("trail_amount") && has("trail_percent"))
			return problem("/trail_percent", "NOT_ALLOWED", "a trailing stop has a trail_amount or a trail_percent");
	}
	return [];
}

function checkTime(request: PlaceOrder, type: OrderType, tif: TimeInForce, now: Date): Problem[] {
	const pointer = "/expires_at";
	if (type === "market" && (tif === "day" || tif === "gtd"))
		return problem("/time_in_force", "NOT_ALLOWED", "a market order does not wait");
	if (request.expires_at === undefined)
		return tif === "gtd" ? problem(pointer, "REQUIRED", "a gtd order needs an expires_at") : [];
	if (tif !== "gtd") return problem(pointer, "NOT_ALLOWED", `a ${tif} order has no expires_at`);
	const at = RFC_3339.test(request.expires_at) ? Date.parse(request.expires_at) : Number.NaN;
	if (Number.isNaN(at))
		return problem(pointer, "INVALID_FORMAT", 'expires_at must be a time such as "2026-01-02T03:04:05Z"');
	return at > now.getTime() ? [] : problem(pointer, "OUT_OF_RANGE", "expires_at must be in the future");
}

function checkResting(request: PlaceOrder, type: OrderType, tif: TimeInForce): Problem[] {
	const rests = (type === "limit" || type === "stop_limit") && tif !== "ioc" && tif !== "fok";
	if (rests) return [];
	const errors: Problem[] = [];
	if (request.post_only)
		errors.push(...problem("/post_only", "NOT_ALLOWED", "only an order that may rest can be post_only"));
	if (request.display_quantity !== undefined && FIELDS[type].takes.includes("display_quantity"))
		errors.push(...problem("/display_quantity", "NOT_ALLOWED", "only an order that may rest is shown"));
	return errors;
}

function checkWorth({ quantity, price, stop_price }: PlaceOrder, instrument: Instrument): Problem[] {
	const at = price ?? stop_price;
	if (quantity === undefined || at === undefined) return [];
	if (compareDecimals(multiplyDecimals(quantity, at), instrument.min_notional) >= 0) return [];
	return problem("/quantity", "BELOW_MIN_NOTIONAL", `quantity x price must be at least ${instrument.min_notional}`);
}

function checkSlices({ quantity, display_quantity: display }: PlaceOrder): Problem[] {
	if (display === undefined || quantity === undefined) return [];
	if (compareDecimals(display, quantity) > 0)
		return problem("/display_quantity", "OUT_OF_RANGE", "display_quantity must be at most the quantity");
	if (compareDecimals(multiplyDecimals(display, MAX_SLICES), quantity) < 0)
		return problem("/display_quantity", "OUT_OF_RANGE", `an order is shown in at most ${MAX_SLICES} slices`);
	return [];
}

function nameOf(type: OrderType): string {
	return type.replaceAll("_", " ");
}
