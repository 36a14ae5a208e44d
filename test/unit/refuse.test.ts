import { Errors, ServiceBroker } from "moleculer";
import { isRefusal, refuse, refuseFields, statusOf } from "../../lib/refuse.ts";

test.each([
	["NOT_FOUND", 404, Errors.MoleculerClientError, "Not found"],
	["MAX_OPEN_ORDERS", 422, Errors.MoleculerClientError, "Max open orders"],
	["SERVICE_UNAVAILABLE", 503, Errors.MoleculerServerError, "Service unavailable"],
] as const)("%s answers %i by an error that arrives whole on another node", (code, status, kind, message) => {
	const error = refuse(code);
	expect(error).toMatchObject({ code: status, type: code, message, data: {} });
	expect(Object.getPrototypeOf(error)).toBe(kind.prototype);
	expect(statusOf(code)).toBe(status);
});

test("a message and data go along", () => {
	expect(refuse("MAX_USERS", "No more users", { limit: 3 })).toMatchObject({
		message: "No more users",
		data: { limit: 3 },
	});
});

test("a refusal is known by its code, another error is none", () => {
	expect(isRefusal(refuse("NOT_FOUND"), "NOT_FOUND")).toBe(true);
	expect(isRefusal(refuse("NOT_FOUND"), "FORBIDDEN")).toBe(false);
	expect(isRefusal(new Error("NOT_FOUND"), "NOT_FOUND")).toBe(false);
	expect(isRefusal(null, "NOT_FOUND")).toBe(false);
});

test("a refusal is still known after a journey to another node", () => {
	const regenerator = new Errors.Regenerator();
	regenerator.init(new ServiceBroker({ logger: false }));
	const sent = JSON.parse(JSON.stringify(regenerator.extractPlainError(refuse("NOT_FOUND", "No such order"))));
	const arrived = regenerator.restore(sent, { nodeID: "orders-1" });
	expect(arrived).not.toBe(sent);
	expect(isRefusal(arrived, "NOT_FOUND")).toBe(true);
	expect(arrived).toMatchObject({ message: "No such order", code: 404 });
});

test.each([
	[["UNKNOWN_FIELD"], "UNKNOWN_FIELD"],
	[["UNKNOWN_FIELD", "UNKNOWN_FIELD"], "UNKNOWN_FIELD"],
	[["UNKNOWN_FIELD", "LOT_SIZE"], "VALIDATION_FAILED"],
	[["REQUIRED"], "VALIDATION_FAILED"],
])("fields that are wrong by %j are refused as %s", (codes, expected) => {
	const errors = codes.map((code, i) => ({ pointer: `/field_${i}`, code, message: `field ${i} is wrong` }));
	expect(refuseFields(errors)).toMatchObject({
		code: 422,
		type: expected,
		message: "field 0 is wrong",
		data: { errors },
	});
});

test("only own codes have a status", () => {
	expect(statusOf("TEAPOT")).toBeUndefined();
	expect(statusOf("toString")).toBeUndefined();
});
