import pg from "pg";
import { type Element, writeArray } from "./arrays.ts";
import { type Output, setLengthBehind } from "./output.ts";

/** What a parameter may be; arrays go to PostgreSQL as arrays. */
export type Bind = string | number | boolean | null | Date | readonly Element[];

/** The driver's own text form of a value, null for NULL; its types leave it out. */
const { prepareValue } = (pg as unknown as { readonly utils: { prepareValue(value: Bind): string | null } }).utils;

/** Forms of parameters and of answers. */
const TEXT = 0;
const BINARY = 1;

const INT16_BYTES = 2;
const NO_LIMIT = 0;

// The messages: https://www.postgresql.org/docs/18/protocol-message-formats.html

/** Has the server parse and plan `text` under `name`; under the empty one for the next statement alone. */
export function writeParse(out: Output, name: string, text: string): void {
	const start = begin(out, "P");
	cString(out, name);
	cString(out, text);
	out.int16(0); // the server infers every type
	finish(out, start);
}

/** Has the server forget what it has parsed under `name`, if it has. */
export function writeClose(out: Output, name: string): void {
	const start = begin(out, "C");
	out.text("S");
	cString(out, name);
	finish(out, start);
}

/** Gives values to what was parsed from `text` under `name`. All answers come as text. */
export function writeBind(out: Output, name: string, text: string, values: readonly Bind[]): void {
	const start = begin(out, "B");
	cString(out, ""); // the portal
	cString(out, name);
	out.int16(values.length);
	const forms = out.length();
	for (const _ of values) out.int16(TEXT);
	out.int16(values.length);
	const types = arrayTypesOf(text);
	values.forEach((value, i) => {
		if (isArray(value) && writeArray(out, types[i], value)) out.setInt16(forms + i * INT16_BYTES, BINARY);
		else writeText(out, prepareValue(value));
	});
	out.int16(1); // all columns alike
	out.int16(TEXT);
	finish(out, start);
}

/** Asks which columns the answer of what was bound last has. */
export function writeDescribe(out: Output): void {
	const start = begin(out, "D");
	out.text("P");
	cString(out, "");
	finish(out, start);
}

/** Runs what was bound last, to its end. */
export function writeExecute(out: Output): void {
	const start = begin(out, "E");
	cString(out, "");
	out.int32(NO_LIMIT);
	finish(out, start);
}

/** Ends a group, as a statement that fails does before. */
export function writeSync(out: Output): void {
	finish(out, begin(out, "S"));
}

function begin(out: Output, code: string): number {
	out.text(code);
	const start = out.length();
	out.int32(0);
	return start;
}

/** A message's length counts itself, and not the code before it. */
function finish(out: Output, start: number): void {
	out.setInt32(start, out.length() - start);
}

function cString(out: Output, text: string): void {
	out.text(text);
	out.int8(0);
}

function writeText(out: Output, text: string | null): void {
	const start = out.length();
	out.int32(-1);
	if (text === null) return;
	out.text(text);
	setLengthBehind(out, start);
}

// `Array.isArray` by itself does not know arrays that are only read.
function isArray(value: Bind): value is readonly Element[] {
	return Array.isArray(value);
}

const typesByText = new Map<string, readonly (string | undefined)[]>();
const MAX_TEXTS = 1_000;

/** The types of the parameters that a statement names as arrays, such as `$1::uuid[]`, by their places. */
function arrayTypesOf(text: string): readonly (string | undefined)[] {
	const known = typesByText.get(text);
	if (known) return known;
	const types: (string | undefined)[] = [];
	for (const [, number, type] of text.matchAll(/\$(\d+)::(\w+)\[\]/g)) types[Number(number) - 1] = type;
	if (typesByText.size < MAX_TEXTS) typesByText.set(text, types);
	return types;
}
