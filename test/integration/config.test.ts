import type { ConfigApi } from "../../contracts/config.ts";
import { call } from "../../lib/service.ts";
import { SETTING_KEYS } from "../../lib/settings.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config"]);
});
afterAll(() => node.stop());

const root = person("root", "admin");
const set = (params: Parameters<ConfigApi["set"]>[0], who = root) => call(node.broker, "config.set", params, who);
const get = (key: string) => call(node.broker, "config.get", { key }, root);
const toldOf = (key: string) =>
	node.dbs.config.query<{ aggregate_seq: string; data: object }>(
		"SELECT aggregate_seq, data FROM outbox WHERE aggregate_id = $1 ORDER BY position",
		[`setting:${key}`],
	);

test("before anybody sets them, all settings are there with their defaults", async () => {
	const { items } = await call(node.broker, "config.list", undefined, root);
	expect(items.map((setting) => setting.key)).toEqual(SETTING_KEYS);
	expect(items.find((setting) => setting.key === "users.max_users")).toEqual({
		key: "users.max_users",
		value: 10_000,
		version: 0,
		description: expect.any(String),
		updated_at: null,
		updated_by: null,
	});
});

test("each change makes a version, an event and a line of history", async () => {
	const key = "trading.order_timeout_s";
	const first = await set({ key, value: 60, expected_version: 0 });
	expect(first).toMatchObject({ key, value: 60, version: 1, updated_by: root.id });
	expect(Date.parse(first.updated_at ?? "")).toBeCloseTo(Date.now(), -5);
	await set({ key, value: 45, expected_version: 1 });

	expect(await get(key)).toMatchObject({ value: 45, version: 2 });
	expect(await call(node.broker, "config.value", { key })).toMatchObject({ key, value: 45, version: 2 });
	const { items } = await call(node.broker, "config.list", undefined, root);
	expect(items.find((setting) => setting.key === key)).toMatchObject({ value: 45, version: 2 });
	const history = await call(node.broker, "config.history", { key }, root);
	expect(history.items.map(({ value, version }) => [version, value])).toEqual([
		[2, 45],
		[1, 60],
	]);
	expect(await toldOf(key)).toEqual([
		{ aggregate_seq: "1", data: { key, value: 60, version: 1, by: root.id } },
		{ aggregate_seq: "2", data: { key, value: 45, version: 2, by: root.id } },
	]);
});

test("of twenty who change the same version at once, one wins and the others are told so", async () => {
	const key = "users.max_users";
	const changes = await Promise.allSettled(
		Array.from({ length: 20 }, (_, i) => set({ key, value: 500 + i, expected_version: 0 })),
	);
	const refused = changes.filter((change) => change.status === "rejected");
	expect(refused).toHaveLength(19);
	for (const { reason } of refused) expect(reason).toMatchObject({ code: 409, type: "VERSION_CONFLICT" });
	expect(await get(key)).toMatchObject({ version: 1 });
	expect(await toldOf(key)).toHaveLength(1);
});

test.each([
	["a version that is not there yet", { value: 5, expected_version: 3 }, 409, "VERSION_CONFLICT"],
	["a value out of range", { value: 0, expected_version: 0 }, 422, "VALIDATION_FAILED"],
	["a broken number", { value: 1.5, expected_version: 0 }, 422, "VALIDATION_FAILED"],
	["a value of another type", { value: true, expected_version: 0 }, 422, "VALIDATION_FAILED"],
	["an unknown setting", { key: "orders.max", value: 5, expected_version: 0 }, 404, "NOT_FOUND"],
	["a name that every object has", { key: "toString", value: 5, expected_version: 0 }, 404, "NOT_FOUND"],
])("%s is refused and changes nothing", async (_, change, code, type) => {
	const key = "orders.max_open_orders";
	await expect(set({ key, ...change })).rejects.toMatchObject({ code, type });
	expect(await get(key)).toMatchObject({ value: 100_000, version: 0 });
	expect(await toldOf(key)).toEqual([]);
});

test.each([
	["a text for a number", { value: "5", expected_version: 0 }],
	["no version", { value: 5 }],
	["a negative version", { value: 5, expected_version: -1 }],
	["an unknown field", { value: 5, expected_version: 0, force: true }],
])("a request with %s is not even looked at", async (_, change) => {
	const params = { key: "orders.max_open_orders", ...change };
	await expect(node.broker.call("config.set", params, root)).rejects.toMatchObject({ code: 422 });
});

test("settings are the operators' business", async () => {
	const ann = person("ann");
	await expect(set({ key: "users.max_users", value: 1, expected_version: 0 }, ann)).rejects.toMatchObject({
		code: 403,
	});
	await expect(call(node.broker, "config.list", undefined, ann)).rejects.toMatchObject({ code: 403 });
	await expect(call(node.broker, "config.list")).rejects.toMatchObject({ code: 401 });
});
