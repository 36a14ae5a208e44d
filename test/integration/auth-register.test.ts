import { setTimeout as delay } from "node:timers/promises";
import type { ActionSchema } from "moleculer";
import type { User } from "../../contracts/users.ts";
import { refuse } from "../../lib/refuse.ts";
import { startServices, type TestNode } from "../support/services.ts";

/** What `users.create` does next. */
let create: (user: Pick<User, "user_id">) => Promise<unknown>;

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["auth"]);
	const action: ActionSchema = { auth: "internal", handler: (ctx) => create(ctx.params) };
	node.broker.createService({ name: "users", actions: { create: action } });
	// Time is kept back from one call to the next, as it is behind the gateway.
	const pass: ActionSchema = { auth: "public", handler: (ctx) => ctx.call("auth.register", ctx.params) };
	node.broker.createService({ name: "outside", actions: { register: pass } });
	await node.broker.waitForServices(["users", "outside"]);
});
afterAll(() => node.stop());

const register = () =>
	node.broker
		.call(
			"outside.register",
			{ username: "ann", email: "ann@example.com", password: "long enough" },
			{ meta: { deadline: Date.now() + 1_000 } },
		)
		.catch((error) => error.type);

test.each([
	["takes the user", async (user: object) => user, expect.objectContaining({ username: "ann" }), 1],
	["refuses the name", () => Promise.reject(refuse("USERNAME_TAKEN")), "USERNAME_TAKEN", 0],
	["finds the address wrong", () => Promise.reject(refuse("VALIDATION_FAILED")), "VALIDATION_FAILED", 0],
	["is away", () => Promise.reject(refuse("SERVICE_UNAVAILABLE")), "SERVICE_UNAVAILABLE", 1],
	["fails", () => Promise.reject(new Error("half-way")), "OUTCOME_UNKNOWN", 1],
	["does not answer in time", () => delay(2_000), "OUTCOME_UNKNOWN", 1],
])("when users %s, no user is without a credential", async (_what, creates, outcome, credentials) => {
	await node.dbs.auth.query("DELETE FROM credentials");
	create = creates;
	expect(await register()).toEqual(outcome);
	expect(await node.dbs.auth.query("SELECT FROM credentials")).toHaveLength(credentials);
});
