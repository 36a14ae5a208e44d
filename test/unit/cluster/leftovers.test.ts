import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openRecords } from "../../../cli/cluster/leftovers.ts";

test("a supervisor that cannot write down what it runs says so, and goes on", () => {
	const folder = mkdtempSync(path.join(os.tmpdir(), "agt-records-"));
	const told: string[] = [];
	const records = openRecords(folder, (line) => told.push(line));
	records.add("orders-1", process.pid);
	expect(told).toEqual([]);
	rmSync(folder, { recursive: true });
	records.remove(process.pid);
	expect(told).toEqual([expect.stringContaining("ENOENT")]);
});
