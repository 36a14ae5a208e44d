import { Errors } from "moleculer";
import { refuse, refuseFields, refuseNotFound } from "../../../lib/refuse.ts";
import { problemBody, problemHeaders, problemOf } from "../../../services/api/problem.ts";

const read = { writes: false, path: [] };
const write = { writes: true, path: ["order_id"] };
const at = { action: "orders.place", nodeID: "node-1" };

test.each([
	["a refusal", refuse("INSUFFICIENT_FUNDS"), write, 403, "INSUFFICIENT_FUNDS"],
	["a service that is not there", new Errors.ServiceNotFoundError(at), write, 503, "SERVICE_UNAVAILABLE"],
	["a service whose circuit is open", new Errors.ServiceNotAvailableError(at), write, 503, "SERVICE_UNAVAILABLE"],
	[
		"moleculer-web's word for it",
		new Errors.MoleculerError("Service unavailable", 503),
		write,
		503,
		"SERVICE_UNAVAILABLE",
	],
	["a full queue", new Errors.QueueIsFullError(at), write, 503, "SERVICE_UNAVAILABLE"],
	["our own word for a full queue", refuse("CAPACITY_EXCEEDED"), write, 503, "CAPACITY_EXCEEDED"],
	["a write that timed out", new Errors.RequestTimeoutError(at), write, 504, "OUTCOME_UNKNOWN"],
	["a write whose node went away", new Errors.RequestRejectedError(at), write, 504, "OUTCOME_UNKNOWN"],
	["a write past its deadline", refuse("DEADLINE_EXCEEDED"), write, 504, "OUTCOME_UNKNOWN"],
	["a read that timed out", new Errors.RequestTimeoutError(at), read, 504, "DEADLINE_EXCEEDED"],
	[
		"an address that cannot be decoded",
		new Errors.MoleculerError("Failed to decode", 400),
		read,
		400,
		"MALFORMED_REQUEST",
	],
	["any other error", new Error('relation "orders" does not exist'), write, 500, "INTERNAL_ERROR"],
	[
		"an error of Moleculer's that is none of ours",
		new Errors.MaxCallLevelError({ level: 9 }),
		read,
		500,
		"INTERNAL_ERROR",
	],
	["an unknown code", new Errors.MoleculerClientError("x", 418, "TEAPOT"), read, 500, "INTERNAL_ERROR"],
	["something thrown that is no error", "oops", read, 500, "INTERNAL_ERROR"],
])("%s is answered with its status and code", (_what, error, asked, status, code) => {
	expect(problemOf(error, asked)).toMatchObject({ status, code });
});

test("no problem tells what only we should know", () => {
	const errors = [
		new Error("SELECT * FROM users at /srv/app/store.ts"),
		new Errors.ServiceNotFoundError(at),
		new Errors.RequestTimeoutError(at),
		refuse("INTERNAL_ERROR", "node-1 has no disk"),
		refuse("SERVICE_UNAVAILABLE", "orders.place on node-1 cannot be reached"),
		refuse("MAX_USERS", undefined, { limit: 5, node: "node-1" }),
		refuseNotFound("There is no such session", "session:of-somebody-else"),
		refuse("SESSION_REVOKED", undefined, { user_id: "of-somebody" }),
	];
	const told = JSON.stringify(errors.map((error) => problemBody(problemOf(error, write), { id: "r", path: "/p" })));
	expect(told).not.toMatch(/SELECT|srv|node-1|orders\.place|stack|foreign|somebody/);
});

const invalid = (...errors: object[]) =>
	new Errors.ValidationError("Parameters validation error!", "VALIDATION_ERROR", errors);

test("what is somebody else's is answered to the letter as what there is not", () => {
	const told = (error: unknown) => problemBody(problemOf(error, write), { id: "r", path: "/p" });
	expect(told(refuseNotFound("There is no such order", "o1"))).toEqual(told(refuseNotFound("There is no such order")));
});

test("each field that is wrong is told by a pointer and a code", () => {
	const error = invalid(
		{ type: "required", field: "side", message: "required" },
		{ type: "string", field: "quantity", message: "no text" },
		{ type: "stringPattern", field: "legs[0].symbol", message: "no match" },
		{ type: "objectStrict", field: undefined, actual: "role, status", message: "strict" },
	);
	const { status, code, errors } = problemOf(error, write);
	expect([status, code]).toEqual([422, "VALIDATION_FAILED"]);
	expect(errors?.map((field) => [field.pointer, field.code])).toEqual([
		["/side", "REQUIRED"],
		["/quantity", "INVALID_TYPE"],
		["/legs/0/symbol", "INVALID_FORMAT"],
		["/role", "UNKNOWN_FIELD"],
		["/status", "UNKNOWN_FIELD"],
	]);
});

test("unknown fields alone are a problem of their own", () => {
	expect(problemOf(invalid({ type: "objectStrict", actual: "balance" }), write)).toMatchObject({
		status: 422,
		code: "UNKNOWN_FIELD",
	});
	expect(problemOf(refuseFields([{ pointer: "/a", code: "UNKNOWN_FIELD", message: "" }]), write).code).toBe(
		"UNKNOWN_FIELD",
	);
});

test("an address that names nothing that could be is not found", () => {
	expect(problemOf(invalid({ type: "uuid", field: "order_id" }), write)).toMatchObject({
		status: 404,
		code: "NOT_FOUND",
	});
	expect(
		problemOf(invalid({ type: "uuid", field: "order_id" }, { type: "required", field: "status" }), write).status,
	).toBe(422);
});

test("the body of a problem is that of RFC 9457, with our members", () => {
	const problem = problemOf(refuse("MAX_OPEN_ORDERS", "Too many", { order_id: "o", limit: "1", observed: "2" }), write);
	expect(problemBody(problem, { id: "r1", path: "/api/orders" })).toEqual({
		type: "about:blank",
		title: "Unprocessable Entity",
		status: 422,
		detail: "Too many",
		instance: "/api/orders",
		code: "MAX_OPEN_ORDERS",
		request_id: "r1",
		order_id: "o",
		limit: "1",
		observed: "2",
	});
});

test.each([
	[refuse("SERVICE_UNAVAILABLE"), { "Retry-After": "5" }],
	[refuse("UNAUTHENTICATED"), { "WWW-Authenticate": "Bearer" }],
	[refuse("BODY_TOO_LARGE"), { Connection: "close" }],
	[refuse("NOT_FOUND"), {}],
])("%s has the headers that go with it", (error, headers) => {
	expect(problemHeaders(problemOf(error, write))).toEqual(headers);
});
