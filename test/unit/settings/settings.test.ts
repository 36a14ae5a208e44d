import { isSettingKey, SETTING_KEYS, SETTINGS } from "../../../lib/settings.ts";

test("every setting has a default that it allows, and tells what it is", () => {
	expect(SETTING_KEYS.length).toBeGreaterThan(0);
	for (const key of SETTING_KEYS) {
		expect([key, SETTINGS[key].check(SETTINGS[key].default)]).toEqual([key, null]);
		expect(SETTINGS[key].description).toMatch(/^[A-Z].+\.$/);
	}
});

test.each([
	["trading.max_orders_per_user", 100],
	["trading.order_timeout_s", 30],
	["trading.paper_deposits", false],
	["trading.price_band_bps", 0],
	["users.max_users", 10_000],
	["orders.max_open_orders", 100_000],
] as const)("%s is %s until somebody sets it", (key, value) => {
	expect(SETTINGS[key].default).toBe(value);
});

test.each([
	["trading.order_timeout_s", 1, true],
	["trading.order_timeout_s", 3_600, true],
	["trading.order_timeout_s", 0, false],
	["trading.order_timeout_s", 3_601, false],
	["trading.order_timeout_s", -5, false],
	["trading.order_timeout_s", 1.5, false],
	["trading.order_timeout_s", Number.NaN, false],
	["trading.order_timeout_s", Number.POSITIVE_INFINITY, false],
	["trading.order_timeout_s", "30", false],
	["trading.order_timeout_s", true, false],
	["trading.order_timeout_s", null, false],
	["trading.paper_deposits", true, true],
	["trading.paper_deposits", 1, false],
	["trading.paper_deposits", "true", false],
	["trading.price_band_bps", 10_000, true],
	["trading.price_band_bps", -1, false],
] as const)("%s may be %p: %s", (key, value, allowed) => {
	expect(SETTINGS[key].check(value) === null).toBe(allowed);
});

test("only settings are settings", () => {
	expect(isSettingKey("users.max_users")).toBe(true);
	expect(isSettingKey("users.max")).toBe(false);
	expect(isSettingKey("__proto__")).toBe(false);
	expect(isSettingKey("toString")).toBe(false);
});
