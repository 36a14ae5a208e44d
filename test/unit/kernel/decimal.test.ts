import fc from "fast-check";
import {
	addDecimals,
	compareDecimals,
	divideDecimals,
	fromUnits,
	isDecimal,
	multiplyDecimals,
	normalize,
	parseUnits,
	scaleOf,
	subtractDecimals,
	toUnits,
} from "../../../lib/kernel/decimal.ts";

const scale = fc.integer({ min: 0, max: 18 });
const units = fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n });
/** A decimal as a client may write it, zeros at the end included. */
const decimal = fc.tuple(units, scale).map(([n, digits]) => {
	const text = fromUnits(n, digits);
	return text.includes(".") && n % 2n === 0n ? text.padEnd(text.indexOf(".") + 19, "0") : text;
});

test.each([
	["0", true],
	["0.0", true],
	["61837.63", true],
	["-1.5", true],
	["1.50", true],
	["99999999999999999999.999999999999999999", true],
	["100000000000000000000", false],
	["0.0000000000000000001", false],
	["", false],
	["-", false],
	[".5", false],
	["5.", false],
	["+1", false],
	["-0", false],
	["-0.00", false],
	["00", false],
	["01.5", false],
	["1e3", false],
	["0x10", false],
	["1_000", false],
	["1,5", false],
	[" 1", false],
	["1 ", false],
	["1\n", false],
	["NaN", false],
	["Infinity", false],
	["-Infinity", false],
	["١٢", false],
	["１", false],
	["1.2.3", false],
])("%j is a decimal: %s", (text, expected) => {
	expect(isDecimal(text)).toBe(expected);
});

test.each([
	["1", 0, 1n],
	["1.5", 2, 150n],
	["1.50", 1, 15n],
	["-0.01", 2, -1n],
	["0.00000001", 10, 100n],
	["1.55", 1, null],
	["1e3", 10, null],
])("%j in units of 10^-%i is %s", (text, digits, expected) => {
	expect(parseUnits(text, digits)).toBe(expected);
});

test.each([
	["1.50", 1],
	["1.00", 0],
	["100", 0],
	["0.00000001", 8],
])("%j needs %i digits after the point", (text, expected) => {
	expect(scaleOf(text)).toBe(expected);
});

test.each([
	["1.50", "1.5"],
	["10.00", "10"],
	["100", "100"],
	["0.000", "0"],
	["-1.10", "-1.1"],
])("the shortest form of %j is %j", (text, expected) => {
	expect(normalize(text)).toBe(expected);
});

test("what does not fit throws rather than round", () => {
	expect(() => toUnits("0.001", 2)).toThrow("at most 2 fraction digits");
	expect(() => toUnits("NaN", 2)).toThrow();
	expect(() => toUnits("", 2)).toThrow();
});

test.each([
	["1", "3", 4, "0.3333"],
	["2", "3", 4, "0.6667"],
	["1", "8", 2, "0.12"],
	["3", "8", 2, "0.38"],
	["-1", "8", 2, "-0.12"],
	["-3", "8", 2, "-0.38"],
	["0.0000000001", "3", 2, "0"],
	["1.5", "0.5", 0, "3"],
	["100000000000000000000000000", "0.1", 0, "1000000000000000000000000000"],
])("%s / %s to %i digits is %s: halves go to the even neighbour", (a, b, digits, expected) => {
	expect(divideDecimals(a, b, digits)).toBe(expected);
});

test("a text in units and back is its shortest form", () => {
	fc.assert(
		fc.property(decimal, (text) => {
			expect(isDecimal(text)).toBe(true);
			expect(fromUnits(toUnits(text, 18), 18)).toBe(normalize(text));
		}),
	);
});

test("units in a text and back are the same, and the text is in its shortest form", () => {
	fc.assert(
		fc.property(fc.bigInt(), scale, (n, digits) => {
			const text = fromUnits(n, digits);
			expect(toUnits(text, digits)).toBe(n);
			expect(normalize(text)).toBe(text);
			expect(text).not.toMatch(/^-0(\.0*)?$/);
		}),
	);
});

test("order, product and difference are those of the numbers, however many digits they take", () => {
	fc.assert(
		fc.property(decimal, decimal, (a, b) => {
			const [x, y] = [toUnits(a, 18), toUnits(b, 18)];
			expect(compareDecimals(a, b)).toBe(x < y ? -1 : x > y ? 1 : 0);
			expect(toUnits(multiplyDecimals(a, b), 36)).toBe(x * y);
			expect(toUnits(addDecimals(a, b), 18)).toBe(x + y);
			expect(toUnits(subtractDecimals(a, b), 18)).toBe(x - y);
			expect(compareDecimals(multiplyDecimals(a, b), multiplyDecimals(b, a))).toBe(0);
		}),
	);
});

test("a quotient is at most half a unit from the truth", () => {
	fc.assert(
		fc.property(
			decimal,
			decimal.filter((text) => toUnits(text, 18) !== 0n),
			scale,
			(a, b, digits) => {
				const quotient = toUnits(divideDecimals(a, b, digits), digits);
				const [x, y] = [toUnits(a, 18) * 10n ** BigInt(digits), toUnits(b, 18)];
				const error = x - quotient * y;
				const size = (n: bigint) => (n < 0n ? -n : n);
				expect(size(error) * 2n <= size(y)).toBe(true);
				if (size(error) * 2n === size(y)) expect(quotient % 2n).toBe(0n);
			},
		),
	);
});
