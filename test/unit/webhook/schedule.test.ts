import { retryDelayMs } from "../../../lib/webhook/index.ts";

test("retries come soon at first, then rarely, and end after hours", () => {
	const delays = Array.from({ length: 8 }, (_, i) => retryDelayMs(i + 1) ?? Number.NaN);
	expect(delays[0]).toBe(5_000);
	expect(delays).toEqual(delays.toSorted((a, b) => a - b));
	const hours = delays.reduce((sum, delay) => sum + delay) / 3_600_000;
	expect(hours).toBeGreaterThan(6);
	expect(hours).toBeLessThan(24);
	expect(retryDelayMs(9)).toBeNull();
});
