import { setTimeout as delay } from "node:timers/promises";
import type { Service } from "moleculer";
import { call } from "../../lib/service.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

/** When a value that was read has to be read again. */
const OLD_MS = 2_100;

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

test("what the default does not guard is refused until it has been read, and from then on known", async () => {
	const alone = await startServices(["risk"]);
	try {
		const risk = alone.broker.getLocalService("risk") as Service & Settings;
		expect(await risk.setting("trading.price_band_bps")).toBe(0);
		await expect(risk.confirmedSetting("trading.price_band_bps")).rejects.toMatchObject({ code: 503 });
	} finally {
		await alone.stop();
	}
	const risk = node.broker.getLocalService("risk") as Service & Settings;
	expect(await risk.confirmedSetting("trading.price_band_bps")).toBe(0);
	const config = node.broker.getLocalService("config");
	await node.broker.destroyService(config);
	await delay(OLD_MS);
	expect(await risk.confirmedSetting("trading.price_band_bps")).toBe(0);
	expect(await risk.setting("trading.max_orders_per_user")).toBe(3);
});
