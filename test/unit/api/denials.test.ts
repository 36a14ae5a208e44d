import { type RefusalCode, refuse, refuseNotFound } from "../../../lib/refuse.ts";
import { type Denied, denialOf } from "../../../services/api/denials.ts";

const client = { ip: "10.0.0.1", user_agent: "curl" };
const user = { user_id: "ann", username: "ann", roles: ["trader"], session_id: "s" } as const;

function request(action: string, over: Partial<Denied> & { readonly anonymous?: true } = {}): Denied {
	const { anonymous, ...rest } = over;
	return {
		method: "GET",
		headers: { authorization: "Bearer x" },
		parsedUrl: "/api/orders/o1",
		$alias: { endpoint: { action } },
		$ctx: { id: "c", requestID: "r1", meta: { client, ...(!anonymous && { user }) } },
		...rest,
	};
}

test("a denial tells who asked for what, from where, why not, and by which request", () => {
	expect(denialOf(refuse("FORBIDDEN"), request("users.list", { parsedUrl: "/api/users" }))).toEqual({
		event_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
		time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
		user_id: "ann",
		action: "users.list",
		object: "/api/users",
		ip: "10.0.0.1",
		result: "FORBIDDEN",
		request_id: "r1",
		details: { method: "GET", path: "/api/users", user_agent: "curl" },
	});
});

test("what is somebody else's is recorded as what it is", () => {
	expect(denialOf(refuseNotFound("x", "session:s1"), request("auth.revokeSession"))).toMatchObject({
		object: "session:s1",
		result: "NOT_FOUND",
		details: { path: "/api/orders/o1" },
	});
});

test.each<[string, RefusalCode, Denied, boolean]>([
	["a bad token", "UNAUTHENTICATED", request("users.me", { anonymous: true }), true],
	["an expired one", "TOKEN_EXPIRED", request("users.me", { anonymous: true }), true],
	["one of an ended session", "SESSION_REVOKED", request("users.me", { anonymous: true }), true],
	["no token at all", "UNAUTHENTICATED", request("users.me", { anonymous: true, headers: {} }), false],
	["a bad refresh token", "UNAUTHENTICATED", request("auth.refresh", { anonymous: true, headers: {} }), true],
	["a suspended user's refresh token", "USER_SUSPENDED", request("auth.refresh", { headers: {} }), true],
	["a missing role", "FORBIDDEN", request("users.list"), true],
	["a failed login, which auth tells", "INVALID_CREDENTIALS", request("auth.login"), false],
	["a suspended user's login, which auth tells", "USER_SUSPENDED", request("auth.login"), false],
	["something that is not there", "NOT_FOUND", request("orders.get"), false],
	["too little money", "INSUFFICIENT_FUNDS", request("orders.place"), false],
	["a setting that forbids deposits", "PAPER_DEPOSITS_DISABLED", request("trading.deposit"), false],
	["a wrong field", "VALIDATION_FAILED", request("orders.place"), false],
	["a service that is away", "SERVICE_UNAVAILABLE", request("orders.get"), false],
])("%s (%s): recorded or not", (_what, code, denied, recorded) => {
	expect(denialOf(refuse(code), denied) !== null).toBe(recorded);
});

test.each([
	["an error of ours", new Error("boom"), request("orders.get")],
	["an address that leads nowhere", refuse("FORBIDDEN"), request("x", { $alias: {} })],
	["a request that never began", refuse("FORBIDDEN"), { ...request("x"), $ctx: undefined } as unknown as Denied],
])("%s is no denial", (_what, error, denied) => {
	expect(denialOf(error, denied)).toBeNull();
});

test("an ended session's token still says whose it was", () => {
	const error = refuse("SESSION_REVOKED", undefined, { user_id: "bob" });
	expect(denialOf(error, request("users.me", { anonymous: true }))).toMatchObject({ user_id: "bob" });
});

test("whatever a client writes into an address, the record of it can be kept and shown", () => {
	const parsedUrl = `/api/orders/\u00e9\u0001 ${"x".repeat(1_000)}`;
	const { object = "" } = denialOf(refuse("FORBIDDEN"), request("orders.get", { parsedUrl })) ?? {};
	expect(object).toMatch(/^\/api\/orders\/%C3%A9%01%20x+$/);
	expect(object).toHaveLength(200);
});
