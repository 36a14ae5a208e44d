import { canonicalJson, type Json } from "../../../lib/kernel/canonical-json.ts";

// The examples of RFC 8785, sections 3.2.2 and 3.2.3.
test.each<[string, Json, string]>([
	[
		"keys are sorted by their UTF-16 code units",
		{ "\u20ac": "e", "\r": "cr", "\ufb33": "d", "1": "one", "\ud83d\ude00": "smile", "\u0080": "c", "\u00f6": "o" },
		'{"\\r":"cr","1":"one","\u0080":"c","\u00f6":"o","\u20ac":"e","\ud83d\ude00":"smile","\ufb33":"d"}',
	],
	[
		"numbers and literals are written as ECMAScript does",
		[Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001, null, true, false],
		"[333333333.3333333,1e+30,4.5,0.002,1e-27,null,true,false]",
	],
	["text is escaped no more than it must", '\u20ac$\u000f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
	["what is inside is treated alike", { b: [{ d: 1, c: {} }], a: [] }, '{"a":[],"b":[{"c":{},"d":1}]}'],
])("%s", (_what, value, text) => {
	expect(canonicalJson(value)).toBe(text);
});
