import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { type Endpoint, endpoint } from "../../../services/api/endpoint.ts";
import { parametersOf, requestIdOf } from "../../../services/api/request.ts";

const place = endpoint("POST", "/api/orders", "orders.place", {
	body: true,
	headers: { "idempotency-key": { name: "idempotency_key", required: false } },
});
const list = endpoint("GET", "/api/orders", "orders.list", {
	query: { limit: "integer", symbol: "text", open: "boolean" },
});
const update = endpoint("PUT", "/api/users/:user_id", "users.update", { body: true });
const deposit = endpoint("POST", "/d", "trading.deposit", {
	body: true,
	headers: { "idempotency-key": { name: "idempotency_key", required: true } },
});
const logout = endpoint("POST", "/api/auth/logout", "auth.logout");

interface Given {
	body?: string | Buffer;
	headers?: Record<string, string>;
	path?: Record<string, string>;
	query?: string;
}

function ask(to: Endpoint, { body, headers = {}, path = {}, query = "" }: Given) {
	const stream = new PassThrough();
	const type =
		body === undefined ? {} : { "content-type": "application/json", "content-length": `${Buffer.byteLength(body)}` };
	const request = Object.assign(stream, { headers: { ...type, ...headers } }) as unknown as IncomingMessage;
	stream.end(body);
	return parametersOf(to, request, path, new URLSearchParams(query));
}

const field = (pointer: string, code: string) => ({
	code: 422,
	data: { errors: [expect.objectContaining({ pointer, code })] },
});

test("an empty filter of a list is none, but none of what changes things", async () => {
	expect(await ask(list, { query: "limit=&symbol=" })).toEqual({});
	const cancelAll = endpoint("DELETE", "/api/orders", "orders.cancelAll", { query: { symbol: "text" } });
	expect(await ask(cancelAll, { query: "symbol=" })).toEqual({ symbol: "" });
});

test("parameters come from path, query, headers and body", async () => {
	expect(await ask(update, { path: { user_id: "u" }, body: '{"email":"e"}' })).toEqual({ user_id: "u", email: "e" });
	expect(await ask(list, { query: "limit=5&symbol=BTC-USD" })).toEqual({ limit: 5, symbol: "BTC-USD" });
	expect(await ask(list, { query: "open=true" })).toEqual({ open: true });
	expect(await ask(list, { query: "open=false" })).toEqual({ open: false });
	expect(await ask(deposit, { body: '{"amount":"1"}', headers: { "idempotency-key": "k" } })).toEqual({
		amount: "1",
		idempotency_key: "k",
	});
	expect(await ask(place, { body: '{"side":"buy"}' })).toEqual({ side: "buy" });
	for (const key of ["k", ""])
		expect(await ask(place, { body: "{}", headers: { "idempotency-key": key } })).toEqual({ idempotency_key: key });
	expect(await ask(logout, { headers: { "idempotency-key": "k" } })).toEqual({});
	expect(await ask(logout, {})).toEqual({});
	expect(await ask(logout, { body: "{}" })).toEqual({});
});

test.each([
	[
		"a body that names what the path gives",
		update,
		{ path: { user_id: "u" }, body: '{"user_id":"v"}' },
		"/user_id",
		"UNKNOWN_FIELD",
	],
	[
		"a body that names what a header gives",
		deposit,
		{ body: '{"idempotency_key":"v"}', headers: { "idempotency-key": "k" } },
		"/idempotency_key",
		"UNKNOWN_FIELD",
	],
	[
		"a body that names what a header may give",
		place,
		{ body: '{"idempotency_key":"v"}' },
		"/idempotency_key",
		"UNKNOWN_FIELD",
	],
	[
		"a missing header that must be there, sent empty",
		deposit,
		{ body: "{}", headers: { "idempotency-key": "" } },
		"/idempotency_key",
		"REQUIRED",
	],
	["a body where none is due", logout, { body: '{"all":true}' }, "/all", "UNKNOWN_FIELD"],
	["a query beside a body", place, { body: "{}", query: "side=buy" }, "/side", "UNKNOWN_FIELD"],
	["an unknown query parameter", list, { query: "sort=price" }, "/sort", "UNKNOWN_FIELD"],
	["a query parameter named like a method of objects", list, { query: "toString=1" }, "/toString", "UNKNOWN_FIELD"],
	["a query parameter twice", list, { query: "limit=1&limit=2" }, "/limit", "DUPLICATE"],
	["a list in a query", list, { query: "symbol[]=a" }, "/symbol[]", "UNKNOWN_FIELD"],
	["letters for a number", list, { query: "limit=abc" }, "/limit", "INVALID_TYPE"],
	["an exponent", list, { query: "limit=1e9" }, "/limit", "INVALID_TYPE"],
	["a NUL in a query", list, { query: "symbol=a%00" }, "/symbol", "INVALID_CHARACTER"],
	["a missing header", deposit, { body: "{}" }, "/idempotency_key", "REQUIRED"],
] as const)("%s is refused", async (_what, to, given, pointer, code) => {
	await expect(ask(to, given)).rejects.toMatchObject(field(pointer, code));
});

test.each([
	["no body", {}, 400, "MALFORMED_REQUEST"],
	[
		"another content type",
		{ body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
		415,
		"UNSUPPORTED_MEDIA_TYPE",
	],
	["no content type", { body: "{}", headers: { "content-type": "" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
	[
		"another charset",
		{ body: "{}", headers: { "content-type": "application/json; charset=latin1" } },
		415,
		"UNSUPPORTED_MEDIA_TYPE",
	],
	["a compressed body", { body: "{}", headers: { "content-encoding": "gzip" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
	["a body over 16 KB", { body: `{"a":"${"x".repeat(16 * 1024)}"}` }, 413, "BODY_TOO_LARGE"],
	[
		"a body over 16 KB of unknown length",
		{ body: `{"a":"${"x".repeat(16 * 1024)}"}`, headers: { "content-length": "", "transfer-encoding": "chunked" } },
		413,
		"BODY_TOO_LARGE",
	],
] as const)("%s is refused", async (_what, given: Given, code, type) => {
	await expect(ask(place, given)).rejects.toMatchObject({ code, type });
});

test("a path that no text can be at leads nowhere", async () => {
	await expect(ask(update, { path: { user_id: "a\0" }, body: "{}" })).rejects.toMatchObject({
		code: 404,
		type: "NOT_FOUND",
	});
});

test("a charset of UTF-8 may be named", async () => {
	expect(await ask(place, { body: "{}", headers: { "content-type": 'application/json;charset="UTF-8"' } })).toEqual({});
});

test.each([
	["abc-1_2.3", "abc-1_2.3"],
	["x".repeat(64), "x".repeat(64)],
])("the request id %s is kept", (given, id) => {
	expect(requestIdOf(given)).toBe(id);
});

test.each([[undefined], [""], ["x".repeat(65)], ["a b"], ["a\r\nb"], ["ä"], [["a", "b"]]])(
	"the request id %j is replaced",
	(given) => {
		expect(requestIdOf(given)).toMatch(/^[0-9a-f-]{36}$/);
	},
);
