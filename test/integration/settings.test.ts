import type { Service } from "moleculer";
import { call } from "../../lib/service.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["config", "risk"]);
});
afterAll(() => node.stop());

test("a service goes by a new value as soon as it is set", async () => {
	const root = person("root", "admin");
	const key = "trading.max_orders_per_user";
	const risk = node.broker.getLocalService("risk") as Service & Settings;
	expect(await risk.setting(key)).toBe(100);

	await call(node.broker, "config.set", { key, value: 3, expected_version: 0 }, root);
	await new Promise((resolve) => setImmediate(resolve));
	expect(await risk.setting(key)).toBe(3);
	expect(await call(node.broker, "risk.limits", undefined, root)).toMatchObject({ max_open_orders: 3 });
});
