import { parseArgs } from "node:util";

/** What came of a benchmark: for people, for programs, and whether it reached its marks. */
export interface BenchResult {
	readonly lines: readonly string[];
	readonly json: object;
	readonly ok: boolean;
}

/** A module under bench/ that `npm run bench -- <name>` runs. */
interface Benchmark {
	readonly summary: string;
	run(argv: readonly string[]): Promise<BenchResult>;
}

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
	engine: () => import("./engine.ts"),
};

const { values, positionals } = parseArgs({
	options: { json: { type: "boolean", default: false } },
	allowPositionals: true,
	strict: false,
});
const [name = "", ...argv] = positionals;
const load = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (load) {
	const { lines, json, ok } = await (await load()).run(argv);
	console.log(values["json"] ? JSON.stringify(json, null, "\t") : lines.join("\n"));
	process.exitCode = ok ? 0 : 1;
} else {
	for (const [known, loadOne] of Object.entries(BENCHMARKS)) console.log(`${known}: ${(await loadOne()).summary}`);
	process.exitCode = name === "" ? 0 : 1;
}
