/** The most digits a client's decimal may have before and after the point; NUMERIC columns and BigInt hold more. */
const MAX_INTEGER_DIGITS = 20;
const MAX_FRACTION_DIGITS = 18;
const PLAIN = new RegExp(`^-?(0|[1-9]\\d{0,${MAX_INTEGER_DIGITS - 1}})(\\.\\d{1,${MAX_FRACTION_DIGITS}})?$`);
/** Of any length: a product has as many digits as its factors together. */
const OWN = /^-?\d+(\.\d+)?$/;

/** Whether `text` is digits, perhaps with a point and a leading `-`: no exponent, `+`, blank, `-0` or leading zero. */
export function isDecimal(text: string): boolean {
	return PLAIN.test(text) && !/^-0(\.0+)?$/.test(text);
}

/** How many digits after the point `text` needs: `"1.50"` needs 1. */
export function scaleOf(text: string): number {
	return text.split(".")[1]?.replace(/0+$/, "").length ?? 0;
}

/** `text` in units of 10^-scale, exactly; null when it is no plain decimal or is finer than that. */
export function parseUnits(text: string, scale: number): bigint | null {
	return isDecimal(text) && scaleOf(text) <= scale ? unitsOf(text, scale) : null;
}

/** As `parseUnits`, for what is known to fit: texts checked at the edge, our own rows, and results of any length. */
export function toUnits(text: string, scale: number): bigint {
	if (!OWN.test(text) || scaleOf(text) > scale)
		throw new Error(`'${text}' is not a decimal of at most ${scale} fraction digits`);
	return unitsOf(text, scale);
}

/** `units` of 10^-scale as a decimal in its shortest form: `fromUnits(150n, 2)` is `"1.5"`. */
export function fromUnits(units: bigint, scale: number): string {
	const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
	const whole = digits.slice(0, digits.length - scale);
	const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
	return `${units < 0n ? "-" : ""}${whole}${fraction && "."}${fraction}`;
}

/** `text` in its shortest form: `"1.50"` is `"1.5"`. */
export function normalize(text: string): string {
	return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** -1, 0 or 1 as `a` is less than, equal to or greater than `b`. */
export function compareDecimals(a: string, b: string): -1 | 0 | 1 {
	const scale = Math.max(scaleOf(a), scaleOf(b));
	const [x, y] = [toUnits(a, scale), toUnits(b, scale)];
	return x < y ? -1 : x > y ? 1 : 0;
}

/** The exact product. */
export function multiplyDecimals(a: string, b: string): string {
	const [x, y] = [scaleOf(a), scaleOf(b)];
	return fromUnits(toUnits(a, x) * toUnits(b, y), x + y);
}

/** `a + b`, exactly. */
export function addDecimals(a: string, b: string): string {
	const scale = Math.max(scaleOf(a), scaleOf(b));
	return fromUnits(toUnits(a, scale) + toUnits(b, scale), scale);
}

/** `a - b`, exactly. */
export function subtractDecimals(a: string, b: string): string {
	const scale = Math.max(scaleOf(a), scaleOf(b));
	return fromUnits(toUnits(a, scale) - toUnits(b, scale), scale);
}

/** `a / b` rounded half to even at `scale` digits after the point; `b` is not zero. */
export function divideDecimals(a: string, b: string, scale: number): string {
	const [x, y] = [scaleOf(a), scaleOf(b)];
	return fromUnits(roundedQuotient(toUnits(a, x) * 10n ** BigInt(scale + y), toUnits(b, y) * 10n ** BigInt(x)), scale);
}

function unitsOf(text: string, scale: number): bigint {
	const [whole = "", fraction = ""] = text.split(".");
	return BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
	const negative = numerator < 0n !== denominator < 0n;
	const [n, d] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator];
	const [quotient, rest] = [n / d, n % d];
	const up = rest * 2n > d || (rest * 2n === d && quotient % 2n === 1n);
	const rounded = up ? quotient + 1n : quotient;
	return negative ? -rounded : rounded;
}
