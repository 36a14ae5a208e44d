import { canonicalJson, type Json } from "../../../lib/kernel/canonical-json.ts";
import { sha256 } from "../../../lib/kernel/sha256.ts";
import { chained, type Draft, faultOf, GENESIS, hashOf, type Link } from "../../../services/audit/domain/chain.ts";

const draft: Draft = {
	event_id: "01890000-0000-7000-8000-000000000001",
	time: "2026-01-02T03:04:05.678Z",
	user_id: "ann",
	action: "orders.created",
	object: "order-1",
	ip: "127.0.0.1",
	result: "ok",
	request_id: "r-1",
	data_hash: sha256("{}"),
	details: null,
};

test("the hash of a record is that of the recipe in docs/audit.md", () => {
	const record = { ...draft, action: "x", data_hash: null, details: '{"a":1}', event_id: "e", ip: null, object: "o" };
	// By sha256sum, over 64 zeros and
	// {"action":"x","data_hash":null,"details":{"a":1},"event_id":"e","ip":null,"object":"o","request_id":"r",
	// "result":"ok","seq":1,"time":"2026-01-02T03:04:05.678Z","user_id":null} in one line.
	expect(hashOf(GENESIS.hash, 1, { ...record, request_id: "r", user_id: null })).toBe(
		"e099e505f0445d2d4bdb32b2f5ec25e68383dde2f7d62804c8384b6abfbd41a0",
	);
});

test.each<[string, Partial<Draft>]>([
	["an event", {}],
	["a denial with details", { data_hash: null, details: canonicalJson({ b: "\u2028", a: { d: [1], c: null } }) }],
	["nobody from nowhere", { user_id: null, ip: null }],
	["text that JSON must escape", { object: '"\\\n\u0000', user_id: "\u00e9\ud83d\ude00" }],
])("the text that is hashed is canonical JSON: %s", (_what, over) => {
	const { details, ...rest } = { ...draft, ...over };
	const record = { ...rest, seq: 7, details: details === null ? null : (JSON.parse(details) as Json) };
	expect(hashOf("p", 7, { ...draft, ...over })).toBe(sha256(`p${canonicalJson(record)}`));
});

const chain = chained({ seq: 41, hash: "h" }, [draft, { ...draft, event_id: "b" }, { ...draft, event_id: "c" }]);
const [first, second, third] = chain as [Link, Link, Link];

test("records follow one another without a gap, each over the hash of the one before", () => {
	expect(chain.map((link) => link.seq)).toEqual([42, 43, 44]);
	expect(faultOf({ seq: 41, hash: "h" }, first)).toBeNull();
	expect(faultOf(first, second)).toBeNull();
	expect(faultOf(second, third)).toBeNull();
	expect(chained(GENESIS, [])).toEqual([]);
});

test("a record does not follow another one than its own", () => {
	expect(faultOf(first, third)).toBe("GAP");
	expect(faultOf({ seq: first.seq, hash: "other" }, second)).toBe("HASH_MISMATCH");
});

test.each<[keyof Draft, string]>([
	["event_id", "01890000-0000-7000-8000-000000000002"],
	["time", "2026-01-02T03:04:05.679Z"],
	["user_id", "bob"],
	["action", "orders.created "],
	["object", "order-2"],
	["ip", "127.0.0.2"],
	["result", "OK"],
	["request_id", "r-2"],
	["data_hash", sha256("[]")],
	["details", "{}"],
])("a record whose %s is another one is not the same", (field, value) => {
	expect(faultOf(first, { ...second, [field]: value })).toBe("HASH_MISMATCH");
	expect(faultOf(first, { ...second, [field]: null })).toBe(second[field] === null ? null : "HASH_MISMATCH");
});
