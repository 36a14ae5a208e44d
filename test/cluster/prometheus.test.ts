import { spawnSync } from "node:child_process";
import path from "node:path";

const MONITORING = path.join(import.meta.dirname, "../../monitoring");

/** Runs promtool, which must be installed; gives its exit code and all that it says. */
function promtool(...args: readonly string[]): { readonly code: number | null; readonly output: string } {
	const { status, stdout, stderr, error } = spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8" });
	if (error) throw error;
	return { code: status, output: stdout + stderr };
}

test("Prometheus takes its configuration and its rules", () => {
	expect(promtool("check", "config", "prometheus.yml")).toMatchObject({ code: 0 });
});

test("each alert fires when it must and keeps still when it must not", () => {
	const { code, output } = promtool("test", "rules", "rules.test.yml");
	expect(output).toContain("SUCCESS");
	expect(output).not.toContain("FAILED");
	expect(code).toBe(0);
});
