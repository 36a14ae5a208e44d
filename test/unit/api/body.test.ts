import fc from "fast-check";
import { parseJson } from "../../../services/api/body.ts";

const parse = (text: string | Buffer) => parseJson(Buffer.from(text));
const refusal = (text: string | Buffer) => {
	try {
		parse(text);
	} catch (error) {
		return error;
	}
	return null;
};

test.each([
	["nothing", ""],
	["half an object", '{"a":1'],
	["a trailing comma", '{"a":1,}'],
	["a comment", '{"a":1}//'],
	["a number", "1"],
	["a text", '"a"'],
	["null", "null"],
	["an array", "[{}]"],
	["a key twice", '{"a":1,"a":1}'],
	["a key twice, once escaped", '{"a":1,"\\u0061":2}'],
	["a key twice further down", '{"a":[{"b":1,"c":2,"b":3}]}'],
	["__proto__", '{"__proto__":{"admin":true}}'],
	["__proto__ further down", '{"a":{"b":[{"__proto__":1}]}}'],
	["an escaped __proto__", '{"\\u005f_proto__":1}'],
	["constructor", '{"a":{"constructor":{}}}'],
	["prototype", '{"prototype":1}'],
	["a NUL in a key", '{"a\\u0000":1}'],
	["33 levels", `{"a":${"[".repeat(32)}${"]".repeat(32)}}`],
	["thousands of levels", `{"a":${"[".repeat(8000)}${"]".repeat(8000)}}`],
	["a byte order mark", "\ufeff{}"],
	["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
	["an overlong encoding", Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
])("a body with %s is malformed", (_what, text) => {
	expect(refusal(text)).toMatchObject({ code: 400, type: "MALFORMED_REQUEST" });
});

test.each([
	["a NUL", '{"symbol":"BTC\\u0000-USD"}', "/symbol"],
	["half a surrogate pair", '{"metadata":{"a/b":"\\ud800"}}', "/metadata/a~1b"],
])("a text with %s is refused by field", (_what, text, pointer) => {
	expect(refusal(text)).toMatchObject({
		code: 422,
		type: "VALIDATION_FAILED",
		data: { errors: [{ pointer, code: "INVALID_CHARACTER" }] },
	});
});

test("a body of 32 levels passes", () => {
	expect(refusal(`{"a":${"[".repeat(31)}${"]".repeat(31)}}`)).toBeNull();
});

test("colons, quotes and backslashes inside of texts count for nothing", () => {
	const value = { 'a:"b': ':"\\":', "c\\": "\\\\:", d: [":", { e: "::" }] };
	expect(parse(JSON.stringify(value))).toEqual(value);
});

test("whatever object JSON can spell is read as JSON reads it", () => {
	const text = fc.string({ unit: "grapheme" }).filter((t) => !t.includes("\0"));
	const key = text.filter((k) => !["__proto__", "constructor", "prototype"].includes(k));
	const { value } = fc.letrec((tie) => ({
		value: fc.oneof({ maxDepth: 5 }, text, fc.integer(), fc.boolean(), fc.constant(null), tie("list"), tie("object")),
		list: fc.array(tie("value"), { maxLength: 4 }),
		object: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
	}));
	fc.assert(
		fc.property(fc.dictionary(key, value), fc.nat(3), (object, space) => {
			expect(parse(JSON.stringify(object, null, space))).toEqual(JSON.parse(JSON.stringify(object)));
		}),
	);
});
