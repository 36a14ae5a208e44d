import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { env } from "../../lib/env.ts";
import { FAILPOINTS } from "../../lib/failpoint.ts";

const ROOT = path.join(import.meta.dirname, "../..");

test("a process dies by SIGKILL at the passing that it was told, and at no other place", () => {
	const passings = `
		import { armFailpoint, failpoint } from "${pathToFileURL(path.join(ROOT, "lib/failpoint.ts"))}";
		armFailpoint({ name: "risk.after_commit", passing: 3 });
		for (let i = 1; i <= 5; i++) {
			console.log(i);
			failpoint("risk.before_commit");
			failpoint("risk.after_commit");
		}`;
	const { signal, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", passings], { encoding: "utf8" });
	expect([signal, stdout]).toEqual(["SIGKILL", "1\n2\n3\n"]);
});

test.each(["start", "service"])("'npm run %s' with a failpoint in production does not start", (command) => {
	const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(ROOT, "cli", `${command}.ts`)], {
		env: {
			PATH: process.env["PATH"],
			NODE_ENV: "production",
			FAILPOINT: "orders.before_reply:1",
			TRANSPORTER: command === "service" ? "nats://127.0.0.1:1" : "",
		},
		encoding: "utf8",
	});
	expect([status, stdout]).toEqual([1, ""]);
	expect(stderr).toMatch(/^FAILPOINT="orders.before_reply:1" is wrong: it must be unset where NODE_ENV=production\n$/);
});

test("a failpoint is a name and the passing to die at", () => {
	expect(env({}).failpoint).toBeNull();
	expect(env({ FAILPOINT: "orders.after_risk:12" }).failpoint).toEqual({ name: "orders.after_risk", passing: 12 });
});

test("every failpoint stands somewhere in the product", () => {
	const sources = globSync("{lib,mixins,services}/**/*.ts", { cwd: ROOT }).map((file) =>
		readFileSync(path.join(ROOT, file), "utf8"),
	);
	const placed = sources.flatMap((text) => [...text.matchAll(/\bfailpoint\("([\w.]+)"\)/g)].map(([, name]) => name));
	expect([...new Set(placed)].sort()).toEqual([...FAILPOINTS].sort());
});
