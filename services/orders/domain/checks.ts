import type { Instrument } from "../../../contracts/data.ts";
import type { OrderMetadata } from "../../../contracts/orders.ts";
import { compareDecimals, isDecimal, normalize, scaleOf, toUnits } from "../../../lib/kernel/decimal.ts";
import { isStorable } from "../../../lib/kernel/text.ts";

const MAX_METADATA_BYTES = 1_024;
/** Money is kept in units of 10^-10. */
const MONEY_SCALE = 10;
const PERCENT_SCALE = 2;
const PERCENT_RANGE = ["0.01", "99.99"] as const;

/** What is wrong with one field of a request. */
export interface Problem {
	readonly pointer: string;
	readonly code: string;
	readonly message: string;
}

/** What is wrong with a number of lots within the instrument's limits. */
export function checkQuantity(pointer: string, quantity: string, instrument: Instrument): Problem[] {
	const name = pointer.slice(1);
	const wrong = checkAmount(pointer, quantity);
	if (wrong) return [wrong];
	if (!isMultiple(quantity, instrument.lot_size))
		return problem(pointer, "LOT_SIZE", `${name} must be a multiple of ${instrument.lot_size}`);
	if (compareDecimals(quantity, instrument.min_quantity) < 0)
		return problem(pointer, "BELOW_MIN_QUANTITY", `${name} must be at least ${instrument.min_quantity}`);
	if (compareDecimals(quantity, instrument.max_quantity) > 0)
		return problem(pointer, "ABOVE_MAX_QUANTITY", `${name} must be at most ${instrument.max_quantity}`);
	return [];
}

/** What is wrong with a price, or the distance between two. */
export function checkPrice(pointer: string, price: string, instrument: Instrument): Problem[] {
	const name = pointer.slice(1);
	const wrong = checkAmount(pointer, price);
	if (wrong) return [wrong];
	if (!isMultiple(price, instrument.tick_size))
		return problem(pointer, "TICK_SIZE", `${name} must be a multiple of ${instrument.tick_size}`);
	const scale = scaleOf(instrument.tick_size);
	if (toUnits(price, scale) / toUnits(instrument.tick_size, scale) > Number.MAX_SAFE_INTEGER)
		return problem(pointer, "ABOVE_MAX_PRICE", `${name} is too large`);
	return [];
}

/** What is wrong with an amount of the quote asset. */
export function checkMoney(pointer: string, amount: string, instrument: Instrument): Problem[] {
	const name = pointer.slice(1);
	const wrong = checkAmount(pointer, amount);
	if (wrong) return [wrong];
	if (scaleOf(amount) > MONEY_SCALE)
		return problem(pointer, "TOO_FINE", `${name} may have ${MONEY_SCALE} digits after the point`);
	if (compareDecimals(amount, instrument.min_notional) < 0)
		return problem(pointer, "BELOW_MIN_NOTIONAL", `${name} must be at least ${instrument.min_notional}`);
	return [];
}

/** What is wrong with a percentage of a price. */
export function checkPercent(pointer: string, percent: string): Problem[] {
	const name = pointer.slice(1);
	const wrong = checkAmount(pointer, percent);
	if (wrong) return [wrong];
	if (scaleOf(percent) > PERCENT_SCALE)
		return problem(pointer, "TOO_FINE", `${name} may have ${PERCENT_SCALE} digits after the point`);
	const [least, most] = PERCENT_RANGE;
	if (compareDecimals(percent, least) < 0 || compareDecimals(percent, most) > 0)
		return problem(pointer, "OUT_OF_RANGE", `${name} must be from ${least} to ${most}`);
	return [];
}

/** What is wrong with what a client keeps with an order. */
export function checkMetadata(metadata: OrderMetadata): Problem[] {
	const pointer = "/metadata";
	if (Object.values(metadata).some((value) => typeof value === "object" && value !== null))
		return problem(pointer, "NOT_FLAT", "metadata must be a flat object");
	if (Object.entries(metadata).some((entry) => !entry.every((part) => typeof part !== "string" || isStorable(part))))
		return problem(pointer, "INVALID_CHARACTER", "metadata must not have NUL or lone surrogates");
	if (new TextEncoder().encode(JSON.stringify(metadata)).length > MAX_METADATA_BYTES)
		return problem(pointer, "TOO_LARGE", `metadata must be at most ${MAX_METADATA_BYTES} bytes`);
	return [];
}

/** One problem as a list. */
export function problem(pointer: string, code: string, message: string): Problem[] {
	return [{ pointer, code, message }];
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
