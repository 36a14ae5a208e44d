import { existsSync, globSync, readFileSync } from "node:fs";
import { posix as path } from "node:path";
import { LOCKS } from "../lib/locks.ts";
import { CONSUMERS, isStateful, SERVICE_NAMES, STATEFUL_SERVICES, TELLERS } from "../lib/topology.ts";

const ROOT = path.join(import.meta.dirname, "..");
const MAX_FILE_LINES = 300;
const MAX_TEST_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 70;
const MAX_LINE_LENGTH = 120;
/** A tab counts as the formatter counts it. */
const TAB_WIDTH = 2;

interface Source {
	readonly file: string;
	readonly text: string;
	readonly lines: readonly string[];
	/** The text without its comments. */
	readonly code: string;
}

const SOURCES: readonly Source[] = globSync(
	"{bench,cli,contracts,deploy,examples,lib,middlewares,mixins,services,test}/**/*.ts",
	{
		cwd: ROOT,
	},
)
	.concat("moleculer.config.ts")
	.sort()
	.map((file) => {
		const text = readFileSync(path.join(ROOT, file), "utf8");
		return { file, text, lines: text.split("\n"), code: text.replaceAll(/\/\*.*?\*\/|(?<!:)\/\/[^\n]*/gs, "") };
	});
const PRODUCT = SOURCES.filter(({ file }) => !file.startsWith("test/"));
const MODULES = [...SERVICE_NAMES].map((name) => [name] as const);

/** All that runs. */
const PROGRAM = [
	"moleculer.config.ts",
	"middlewares",
	"mixins",
	"services",
	"domain",
	"lib",
	"kernel",
	"contracts",
	"package",
] as const;

/** The layers, and what each may import: what stands left of an arrow never knows of what stands right of it. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
	contracts: ["contracts"],
	kernel: ["kernel", "package"],
	domain: ["domain", "kernel", "contract types"],
	lib: ["lib", "kernel", "contracts", "package"],
	middlewares: ["middlewares", "lib", "kernel", "contracts", "package"],
	mixins: ["mixins", "lib", "kernel", "contracts", "package"],
	services: ["services", "domain", "mixins", "lib", "kernel", "contracts", "package"],
	"moleculer.config.ts": ["middlewares", "lib", "kernel", "contracts", "package"],
	cli: ["cli", ...PROGRAM],
	deploy: ["deploy", "cli", "lib", "package"],
	examples: ["examples", "cli", ...PROGRAM],
	bench: ["bench", "cli", "test", ...PROGRAM],
};

interface Import {
	readonly from: string;
	readonly to: string;
	readonly layer: string;
}

const IMPORT =
	/^(?:import|export)(?<types> type)? [^"=;()]*?\bfrom "(?<to>[^"]+)|^import "(?<on>[^"]+)|\bimport\("(?<lazy>[^"]+)/gm;

const IMPORTS: readonly Import[] = PRODUCT.flatMap(({ file: from, text }) =>
	[...text.matchAll(IMPORT)].map(({ groups }) => {
		const target = groups?.["to"] ?? groups?.["on"] ?? groups?.["lazy"] ?? "";
		if (!target.startsWith(".")) return { from, to: target, layer: "package" };
		const to = path.join(path.dirname(from), target);
		const layer = layerOf(to);
		return { from, to, layer: layer === "contracts" && groups?.["types"] ? "contract types" : layer };
	}),
);

test("the checks below see the code", () => {
	expect(PRODUCT.length).toBeGreaterThan(50);
	expect(IMPORTS.length).toBeGreaterThan(150);
	for (const layer of Object.keys(LAYERS)) expect(PRODUCT.map(({ file }) => layerOf(file))).toContain(layer);
	expect(functionsOf(sourceOf("lib/env.ts")).map(({ name }) => name)).toContain("env");
});

test("imports run one way", () => {
	const wrong = IMPORTS.filter(({ from, layer }) => !allowed(from).includes(layer));
	expect(wrong).toEqual([]);
});

test("a service never imports another one", () => {
	const crossing = IMPORTS.filter(({ from, to }) => {
		const [own, other] = [serviceOf(from), serviceOf(to)];
		return own && other && own !== other;
	});
	expect(crossing).toEqual([]);
});

test("every advisory lock has a number of its own, in lib/locks.ts", () => {
	const numbers = Object.values(LOCKS);
	expect(new Set(numbers).size).toBe(numbers.length);
	const elsewhere = PRODUCT.filter(({ text }) => /_LOCK = [\d_]+|advisory\w*\(\s*\d/.test(text)).map(
		({ file }) => file,
	);
	expect(elsewhere).toEqual([]);
});

test("the environment is read in lib/env.ts alone", () => {
	const readers = PRODUCT.filter(({ text }) => text.includes("process.env")).map(({ file }) => file);
	expect(readers).toEqual(["lib/env.ts"]);
});

test("in a service, SQL stands in its store, its queries and its migrations alone", () => {
	const SQL = /\b(?:SELECT\b[^"`]*\bFROM\b|INSERT INTO\b|UPDATE \w+\s+SET\b|DELETE FROM\b)/;
	const withSql = SOURCES.filter(({ file, text }) => file.startsWith("services/") && SQL.test(text));
	expect(withSql.length).toBeGreaterThan(8);
	const elsewhere = withSql
		.filter(({ file }) => !/\.(?:store|queries)\.ts$|\/migrations\//.test(file))
		.map(({ file }) => file);
	expect(elsewhere).toEqual([]);
});

test("domains are pure: no clock, no chance, no waiting", () => {
	const domains = SOURCES.filter(({ file }) => layerOf(file) === "domain");
	expect(domains.length).toBeGreaterThan(5);
	const impure = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bawait\b|\bprocess\.|\bsetTimeout\(/;
	expect(domains.filter(({ text }) => impure.test(text)).map(({ file }) => file)).toEqual([]);
});

test("money never passes through a float", () => {
	const floats = /\bparseFloat\(/;
	expect(PRODUCT.filter(({ text }) => floats.test(text)).map(({ file }) => file)).toEqual([]);
});

test(`no file has more than ${MAX_FILE_LINES} lines`, () => {
	expect(
		PRODUCT.filter(({ lines }) => lines.length > MAX_FILE_LINES).map(({ file, lines }) => `${file}: ${lines.length}`),
	).toEqual([]);
});

test(`no file of the tests has more than ${MAX_TEST_FILE_LINES} lines`, () => {
	const long = SOURCES.filter(({ file, lines }) => file.startsWith("test/") && lines.length > MAX_TEST_FILE_LINES);
	expect(long.map(({ file, lines }) => `${file}: ${lines.length}`)).toEqual([]);
});

test(`no function has more than ${MAX_FUNCTION_LINES} lines`, () => {
	const functions = PRODUCT.flatMap(functionsOf);
	expect(functions.length).toBeGreaterThan(200);
	expect(functions.filter(({ length }) => length > MAX_FUNCTION_LINES)).toEqual([]);
});

test(`no line is longer than ${MAX_LINE_LENGTH} characters`, () => {
	const long = SOURCES.flatMap(({ file, lines }) =>
		lines.flatMap((line, i) =>
			line.replaceAll("\t", " ".repeat(TAB_WIDTH)).length > MAX_LINE_LENGTH ? `${file}:${i + 1}` : [],
		),
	);
	expect(long).toEqual([]);
});

test("every exported function says what it gives", () => {
	const EXPORTED = /^export (?:async )?function/;
	const silent = PRODUCT.flatMap(({ file, lines }) =>
		lines.flatMap((line, i) => (EXPORTED.test(line) && !lines[i - 1]?.endsWith("*/") ? `${file}:${i + 1}` : [])),
	);
	expect(silent).toEqual([]);
});

test.each([
	["a class", /^(?:export )?(?:abstract )?class \w/m],
	["any", /(?::|\bas|<|\|) any\b|<any>|\bany\[\]/],
])("no product code has %s", (_what, pattern) => {
	expect(PRODUCT.filter(({ code }) => pattern.test(code)).map(({ file }) => file)).toEqual([]);
});

test.each([
	["a silenced check", /@ts-(?:ignore|nocheck)|oxlint-disable|eslint-disable|biome-ignore/],
	["work left over", /\b(?:TODO|FIXME|XXX|HACK)\b/],
])("no product file has %s", (_what, pattern) => {
	expect(PRODUCT.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([]);
});

test("only service files have a default export", () => {
	const withDefault = PRODUCT.filter(({ text }) => /^export default/m.test(text)).map(({ file }) => file);
	expect(withDefault.length).toBe(SERVICE_NAMES.length);
	expect(withDefault.filter((file) => !file.endsWith(".service.ts"))).toEqual([]);
});

test("file names are in kebab case", () => {
	const odd = SOURCES.map(({ file }) => file).filter(
		(file) => !/^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.[a-z]+)*\.ts$/.test(file),
	);
	expect(odd).toEqual([]);
});

test("the folders under services/ are the services of lib/topology.ts", () => {
	expect(
		globSync("services/*", { cwd: ROOT })
			.map((folder) => path.basename(folder))
			.sort(),
	).toEqual([...SERVICE_NAMES].sort());
});

describe.each(MODULES)("service %s", (name) => {
	const folder = `services/${name}`;

	test("has its file, its page and its contract under its own name", () => {
		expect(sourceOf(`${folder}/${name}.service.ts`).text).toContain(`name: "${name}"`);
		expect(readFileSync(path.join(ROOT, folder, "README.md"), "utf8")).toMatch(new RegExp(`^# ${name}\n`));
		// The gateway is spoken to over HTTP.
		if (name !== "api") {
			expect(existsSync(path.join(ROOT, `contracts/${name}.ts`))).toBe(true);
			expect(sourceOf("contracts/index.ts").text).toContain(`\t${name}: `);
		}
	});

	test("takes events in and tells them as the topology says", () => {
		const { text } = sourceOf(`${folder}/${name}.service.ts`);
		expect(text.includes(`consumer("${name}"`)).toBe((CONSUMERS as readonly string[]).includes(name));
		expect(text.includes(`outbox("${name}")`)).toBe((TELLERS as readonly string[]).includes(name));
	});

	test("keeps its tables in migrations, if it keeps any", () => {
		const migrations = globSync(`${folder}/migrations/*`, { cwd: ROOT });
		expect(migrations.length > 0).toBe(isStateful(name));
		for (const file of migrations) expect(path.basename(file)).toMatch(/^\d{4}-[a-z0-9-]+\.ts$/);
		expect(sourceOf(`${folder}/${name}.service.ts`).text.includes(`database("${name}"`)).toBe(isStateful(name));
	});
});

test("every stateful service is a service", () => {
	expect(SERVICE_NAMES).toEqual(expect.arrayContaining([...STATEFUL_SERVICES]));
});

function layerOf(file: string): string {
	if (/^services\/[^/]+\/domain\//.test(file)) return "domain";
	if (file.startsWith("lib/kernel/")) return "kernel";
	return file.split("/")[0] ?? "";
}

function allowed(from: string): readonly string[] {
	const layers = LAYERS[layerOf(from)] ?? [];
	return layers.includes("contracts") ? [...layers, "contract types"] : layers;
}

function serviceOf(file: string): string | undefined {
	return /^services\/([^/]+)\//.exec(file)?.[1];
}

function sourceOf(file: string): Source {
	const source = SOURCES.find((candidate) => candidate.file === file);
	if (!source) throw new Error(`${file} is missing`);
	return source;
}

/**
 * The functions of a formatted file: each ends where a brace stands at the depth that it began at. Of a function that
 * holds others, such as one that gives an object of methods, only the lines of its own count.
 */
function functionsOf({ file, lines }: Source): { file: string; name: string; length: number }[] {
	const HEAD =
		/^\t*(?:export )?(?:default )?(?:async )?(?:function\*? ?(\w*)|(\w+)(?=\(.*\{$|\($)|const (\w+) = (?=.*=>))/;
	const found = lines.flatMap((line, start) => {
		const name = HEAD.exec(line)?.slice(1).find(Boolean);
		if (!name || ["if", "for", "while", "switch"].includes(name)) return [];
		const indent = /^\t*/.exec(line)?.[0] ?? "";
		const end = start + 1 + lines.slice(start + 1).findIndex((candidate) => candidate.startsWith(`${indent}}`));
		return [{ name, start, end }];
	});
	return found.map(({ name, start, end }) => {
		const inner = found.filter((other) => other.start > start && other.end < end);
		const own = lines
			.slice(start, end + 1)
			.filter((_, i) => !inner.some((f) => start + i >= f.start && start + i <= f.end));
		return { file, name, length: own.length };
	});
}
