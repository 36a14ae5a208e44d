import { setTimeout as delay } from "node:timers/promises";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { person } from "../support/people.ts";

const user = person("ann");
const admin = person("root", "admin");
const auditor = person("eve", "auditor");

/** What `late` finds in its meta at its end. */
const lateMeta = Promise.withResolvers<unknown>();

const guarded: ServiceSchema = {
	name: "guarded",
	actions: {
		open: { auth: "public", handler: () => "open" },
		mine: { auth: "user", cache: true, params: { $$strict: true }, handler: () => "mine" },
		all: { auth: "admin", handler: () => "all" },
		past: { auth: "auditor", handler: () => "past" },
		inner: { auth: "internal", visibility: "published", handler: () => "inner" },
		usurp: {
			auth: "public",
			handler(ctx) {
				Object.assign(ctx.meta, { user: admin.meta.user, deadline: 1, note: "from below" });
				if (ctx.params.fail) throw new Error("usurped and failed");
			},
		},
		trust: {
			auth: "public",
			async handler(ctx) {
				await ctx.call("guarded.usurp");
				await ctx.call("guarded.usurp", { fail: true }).catch(() => null);
				await ctx.mcall([{ action: "guarded.usurp", params: {} }]);
				await ctx.call("guarded.open", {}, { meta: { user: admin.meta.user } });
				return ctx.meta;
			},
		},
		late: {
			auth: "public",
			async handler(ctx) {
				await delay(150);
				lateMeta.resolve({ ...ctx.meta });
			},
		},
		slow: { auth: "public", handler: () => new Promise((resolve) => setTimeout(resolve, 1_000, "done")) },
		timeouts: {
			auth: "public",
			async handler(ctx): Promise<object> {
				return { own: ctx.options.timeout, nested: await ctx.call("guarded.timeout") };
			},
		},
		timeout: { auth: "public", handler: (ctx): unknown => ctx.options.timeout },
	},
};

const node = (nodeID: string) =>
	new ServiceBroker({ ...brokerOptions(), nodeID, namespace: "authorization", transporter: "Fake", logger: false });
const broker = node("here");
const elsewhere = node("elsewhere");
beforeAll(async () => {
	broker.createService(guarded);
	elsewhere.createService({ ...guarded, name: "remote" });
	elsewhere.createService({ name: "guarded", actions: { usurp: guarded.actions?.["usurp"] as never } });
	await Promise.all([broker.start(), elsewhere.start()]);
	await broker.waitForServices("remote");
});
afterAll(() => Promise.all([broker.stop(), elsewhere.stop()]));

const anonymous = {};
test.each([["guarded"], ["remote"]])("%s: who may call is checked where the action runs", async (service) => {
	const outcome = (action: string, { meta }: { readonly meta?: Meta }) =>
		broker.call(`${service}.${action}`, {}, { ...(meta && { meta: { ...meta } }) }).catch((error) => error.type);
	expect(await outcome("open", anonymous)).toBe("open");
	expect(await outcome("mine", anonymous)).toBe("UNAUTHENTICATED");
	expect(await outcome("mine", user)).toBe("mine");
	// The answer is in the cache by now.
	expect(await outcome("mine", anonymous)).toBe("UNAUTHENTICATED");
	expect(await outcome("all", anonymous)).toBe("UNAUTHENTICATED");
	expect(await outcome("all", user)).toBe("FORBIDDEN");
	expect(await outcome("all", auditor)).toBe("FORBIDDEN");
	expect(await outcome("all", admin)).toBe("all");
	expect(await outcome("past", anonymous)).toBe("UNAUTHENTICATED");
	expect(await outcome("past", user)).toBe("FORBIDDEN");
	expect(await outcome("past", auditor)).toBe("past");
	expect(await outcome("past", admin)).toBe("past");
	expect(await outcome("inner", anonymous)).toBe("inner");
});

test("who may not call is told nothing of what is wrong with the parameters", async () => {
	await expect(broker.call("guarded.mine", { bad: 1 })).rejects.toMatchObject({ code: 401 });
});

test.each<[string, unknown]>([
	["no access", { handler: () => 1 }],
	["an unknown access", { auth: "everybody", handler: () => 1 }],
	["a bare function", () => 1],
])("a service with an action of %s is not loaded", (_what, action) => {
	expect(() => broker.createService({ name: "open-door", actions: { go: action as never } })).toThrow(
		"open-door.go must declare",
	);
	expect(broker.getLocalService("open-door")).toBeUndefined();
});

test("an action that is only for services is not published to gateways, whatever it says", () => {
	const visibility = (name: string) =>
		broker.registry.getActionList({}).find((item) => item.name === name)?.action?.visibility;
	expect([visibility("guarded.inner"), visibility("guarded.open")]).toEqual(["public", undefined]);
});

test("a gateway learns from other nodes who may call their actions", () => {
	const { action } = broker.registry.getActionEndpoints("remote.inner")?.next(null as never) ?? {};
	expect(action).toMatchObject({ auth: "internal", visibility: "public" });
});

test.each(["guarded", "remote"])("%s: no callee changes who its caller takes for the user", async (service) => {
	const deadline = Date.now() + 10_000;
	const meta = await broker.call(`${service}.trust`, {}, { meta: { ...user.meta, deadline } });
	expect(meta).toEqual({ ...user.meta, deadline });
});

test("who is called keeps to what it was told, also after the caller has stopped waiting", async () => {
	const meta = { ...user.meta, deadline: Date.now() + 100 };
	await expect(broker.call("guarded.late", {}, { meta })).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
	expect(await lateMeta.promise).toEqual(meta);
});

test("a call past its deadline is not begun", async () => {
	await expect(broker.call("guarded.open", {}, { meta: { deadline: Date.now() - 1 } })).rejects.toMatchObject({
		code: 504,
		type: "DEADLINE_EXCEEDED",
	});
});

test("a call takes no longer than what is left, and one within it less", async () => {
	const { own, nested } = await broker.call<{ own: number; nested: number }, object>(
		"guarded.timeouts",
		{},
		{ meta: { deadline: Date.now() + 2_000 } },
	);
	expect(own).toBeGreaterThan(1_900);
	expect(own).toBeLessThanOrEqual(2_000);
	expect(nested).toBeLessThanOrEqual(own);
	await expect(broker.call("guarded.slow", {}, { meta: { deadline: Date.now() + 100 } })).rejects.toMatchObject({
		type: "REQUEST_TIMEOUT",
	});
	await expect(
		broker.call("guarded.slow", {}, { timeout: 50, meta: { deadline: Date.now() + 5_000 } }),
	).rejects.toMatchObject({ type: "REQUEST_TIMEOUT" });
});
