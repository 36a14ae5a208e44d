import type { Instrument } from "../../../contracts/data.ts";
import type { OrderMetadata, OrderType, PlaceOrder, Side, TimeInForce } from "../../../contracts/orders.ts";
import {
	compareDecimals,
	isDecimal,
	multiplyDecimals,
	normalize,
	scaleOf,
	toUnits,
} from "../../../lib/kernel/decimal.ts";
import { isStorable } from "../../../lib/kernel/text.ts";

const MAX_METADATA_BYTES = 1_024;

/** A request that has been checked, with its defaults filled in and its decimals in their shortest form. */
export interface OrderTerms {
	readonly symbol: string;
	readonly side: Side;
	readonly order_type: OrderType;
	readonly time_in_force: TimeInForce;
	readonly quantity: string;
	readonly price: string | null;
	readonly client_order_id: string | null;
	readonly metadata: OrderMetadata;
}

interface Problem {
	readonly pointer: string;
	readonly code: string;
	readonly message: string;
}

export type Checked =
	| { readonly ok: true; readonly terms: OrderTerms }
	| { readonly ok: false; readonly errors: readonly Problem[] };

/** Checks a request against the rules of its instrument; tells all that is wrong with it, not just the first. */
export function checkRequest(request: PlaceOrder, instrument: Instrument): Checked {
	const type = request.order_type ?? (request.price === undefined ? "market" : "limit");
	const errors = [
		...checkQuantity(request.quantity, instrument),
		...checkPrice(type, request.price, instrument),
		...checkMetadata(request.metadata ?? {}),
	];
	if (errors.length === 0) errors.push(...checkNotional(request, instrument));
	if (errors.length > 0) return { ok: false, errors };
	return {
		ok: true,
		terms: {
			symbol: request.symbol,
			side: request.side,
			order_type: type,
			time_in_force: request.time_in_force ?? "gtc",
			quantity: normalize(request.quantity),
			price: request.price === undefined ? null : normalize(request.price),
			client_order_id: request.client_order_id ?? null,
			metadata: request.metadata ?? {},
		},
	};
}

function checkQuantity(quantity: string, instrument: Instrument): Problem[] {
	const problem = (code: string, message: string) => [{ pointer: "/quantity", code, message }];
	const wrong = checkAmount("/quantity", quantity);
	if (wrong) return [wrong];
	if (!isMultiple(quantity, instrument.lot_size))
		return problem("LOT_SIZE", `quantity must be a multiple of ${instrument.lot_size}`);
	if (compareDecimals(quantity, instrument.min_quantity) < 0)
		return problem("BELOW_MIN_QUANTITY", `quantity must be at least ${instrument.min_quantity}`);
	if (compareDecimals(quantity, instrument.max_quantity) > 0)
		return problem("ABOVE_MAX_QUANTITY", `quantity must be at most ${instrument.max_quantity}`);
	return [];
}

function checkPrice(type: OrderType, price: string | undefined, instrument: Instrument): Problem[] {
	const problem = (code: string, message: string) => [{ pointer: "/price", code, message }];
	if (type === "market") return price === undefined ? [] : problem("NOT_ALLOWED", "a market order has no price");
	if (price === undefined) return problem("REQUIRED", "a limit order needs a price");
	const wrong = checkAmount("/price", price);
	if (wrong) return [wrong];
	if (!isMultiple(price, instrument.tick_size))
		return problem("TICK_SIZE", `price must be a multiple of ${instrument.tick_size}`);
	const scale = scaleOf(instrument.tick_size);
	if (toUnits(price, scale) / toUnits(instrument.tick_size, scale) > Number.MAX_SAFE_INTEGER)
		return problem("ABOVE_MAX_PRICE", "price is too large");
	return [];
}

function checkAmount(pointer: string, text: string): Problem | null {
	const name = pointer.slice(1);
	if (!isDecimal(text))
		return { pointer, code: "INVALID_DECIMAL", message: `${name} must be a plain decimal such as "1.25"` };
	if (text.startsWith("-") || normalize(text) === "0")
		return { pointer, code: "NOT_POSITIVE", message: `${name} must be more than 0` };
	return null;
}

function isMultiple(text: string, step: string): boolean {
	const scale = Math.max(scaleOf(text), scaleOf(step));
	return toUnits(text, scale) % toUnits(step, scale) === 0n;
}

function checkNotional({ quantity, price }: PlaceOrder, instrument: Instrument): Problem[] {
	if (price === undefined || compareDecimals(multiplyDecimals(quantity, price), instrument.min_notional) >= 0)
		return [];
	return [
		{
			pointer: "/quantity",
			code: "BELOW_MIN_NOTIONAL",
			message: `quantity x price must be at least ${instrument.min_notional}`,
		},
	];
}

function checkMetadata(metadata: OrderMetadata): Problem[] {
	const problem = (code: string, message: string) => [{ pointer: "/metadata", code, message }];
	if (Object.values(metadata).some((value) => typeof value === "object" && value !== null))
		return problem("NOT_FLAT", "metadata must be a flat object");
	if (Object.entries(metadata).some((entry) => !entry.every((part) => typeof part !== "string" || isStorable(part))))
		return problem("INVALID_CHARACTER", "metadata must not have NUL or lone surrogates");
	if (new TextEncoder().encode(JSON.stringify(metadata)).length > MAX_METADATA_BYTES)
		return problem("TOO_LARGE", `metadata must be at most ${MAX_METADATA_BYTES} bytes`);
	return [];
}
