import { readFileSync } from "node:fs";
import path from "node:path";
import { METRICS } from "../../../lib/metrics/names.ts";

const ENTRIES = Object.entries(METRICS);

test("every metric has a name and help as Prometheus wants them", () => {
	expect(ENTRIES.length).toBeGreaterThan(20);
	for (const [name, { type, help }] of ENTRIES) {
		expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
		expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
		expect(help).not.toBe("");
	}
});

test("every metric is in the documentation", () => {
	const page = readFileSync(path.join(import.meta.dirname, "../../../docs/observability.md"), "utf8");
	expect(ENTRIES.map(([name]) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
