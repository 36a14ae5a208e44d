import { type Output, setLengthBehind } from "./output.ts";

/** What an array may hold. */
export type Element = string | number | boolean | null;

/** How a type goes over the wire in binary form. */
interface ElementType {
	/** Its number in `pg_type`. */
	readonly oid: number;
	/** Writes the value's bytes; false when the value has not the plain form that is known here. */
	write(out: Output, value: NonNullable<Element>): boolean;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const INTEGER = /^-?\d{1,18}$/;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
/** As `toISOString` has it. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Times are counted in microseconds from 2000 on. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const US_PER_MS = 1_000n;

const JSONB_FORM = 1;
const MAX_INT16 = 0x7fff;
const MAX_INT32 = 0x7fff_ffff;

const TYPES: Readonly<Record<string, ElementType>> = {
	boolean: { oid: 16, write: writeBoolean },
	bigint: { oid: 20, write: writeBigint },
	smallint: { oid: 21, write: (out, value) => isWhole(value, MAX_INT16) && written(out.int16(value)) },
	integer: { oid: 23, write: (out, value) => isWhole(value, MAX_INT32) && written(out.int32(value)) },
	text: { oid: 25, write: (out, value) => written(out.text(String(value))) },
	json: { oid: 114, write: (out, value) => written(out.text(String(value))) },
	timestamptz: { oid: 1184, write: writeTimestamp },
	numeric: { oid: 1700, write: writeNumeric },
	uuid: { oid: 2950, write: writeUuid },
	jsonb: {
		oid: 3802,
		write(out, value) {
			out.int8(JSONB_FORM);
			return written(out.text(String(value)));
		},
	},
};

/**
 * Writes an array of `type` in PostgreSQL's binary form, behind its length, which neither side has to quote or to
 * parse. False, and nothing is written, when the type is not known here or a value has another form: the server then
 * decides on the array as text.
 */
export function writeArray(out: Output, type: string | undefined, values: readonly Element[]): boolean {
	const element = type === undefined ? undefined : TYPES[type];
	if (!element) return false;
	const start = out.length();
	out.int32(0);
	out.int32(values.length > 0 ? 1 : 0); // dimensions
	out.int32(values.some(isNull) ? 1 : 0);
	out.int32(element.oid);
	if (values.length > 0) {
		out.int32(values.length);
		out.int32(1); // the first index
	}
	for (const value of values) {
		if (!writeElement(out, element, value)) {
			out.cut(start);
			return false;
		}
	}
	setLengthBehind(out, start);
	return true;
}

function writeElement(out: Output, type: ElementType, value: Element): boolean {
	if (isNull(value)) return written(out.int32(-1));
	const start = out.length();
	out.int32(0);
	if (!type.write(out, value)) return false;
	setLengthBehind(out, start);
	return true;
}

/** What JSON of others has left out is nothing, as it is to the driver, whatever our types say. */
function isNull(value: Element | undefined): value is null {
	return value === null || value === undefined;
}

/** Lets what writes stand at the end of a condition. */
function written(_done: void): true {
	return true;
}

function isWhole(value: unknown, max: number): value is number {
	return Number.isInteger(value) && Math.abs(value as number) <= max;
}

function writeBoolean(out: Output, value: unknown): boolean {
	return typeof value === "boolean" && written(out.int8(value ? 1 : 0));
}

function writeBigint(out: Output, value: unknown): boolean {
	const plain = Number.isSafeInteger(value) || (typeof value === "string" && INTEGER.test(value));
	return plain && written(out.int64(BigInt(value as number | string)));
}

function writeTimestamp(out: Output, value: unknown): boolean {
	if (typeof value !== "string" || !TIMESTAMP.test(value)) return false;
	const ms = Date.parse(value);
	return !Number.isNaN(ms) && written(out.int64(BigInt(ms - EPOCH_MS) * US_PER_MS));
}

function writeUuid(out: Output, value: unknown): boolean {
	return typeof value === "string" && UUID.test(value) && written(out.hex(value.replaceAll("-", "")));
}

const DIGITS_OF_GROUP = 4;
const NEGATIVE = 0x4000;
/** Longer ones are left to the server. */
const MAX_DIGITS = 100;

/** Groups of four decimal digits from the first to the last that is not 0, and where the point is among them. */
function writeNumeric(out: Output, value: unknown): boolean {
	const [, sign, whole = "", fraction = ""] = DECIMAL.exec(String(value)) ?? [];
	if (sign === undefined || whole.length + fraction.length > MAX_DIGITS) return false;
	const wholeGroups = Math.ceil(whole.length / DIGITS_OF_GROUP);
	const fractionGroups = Math.ceil(fraction.length / DIGITS_OF_GROUP);
	const digits =
		whole.padStart(wholeGroups * DIGITS_OF_GROUP, "0") + fraction.padEnd(fractionGroups * DIGITS_OF_GROUP, "0");
	const groups: number[] = [];
	for (let i = 0; i < digits.length; i += DIGITS_OF_GROUP) groups.push(Number(digits.slice(i, i + DIGITS_OF_GROUP)));
	const first = groups.findIndex((group) => group > 0);
	const last = groups.findLastIndex((group) => group > 0);
	const significant = first === -1 ? [] : groups.slice(first, last + 1);
	out.int16(significant.length);
	out.int16(first === -1 ? 0 : wholeGroups - 1 - first); // the first group's power of 10,000
	out.int16(sign === "-" && first !== -1 ? NEGATIVE : 0);
	out.int16(fraction.length);
	for (const group of significant) out.int16(group);
	return true;
}
