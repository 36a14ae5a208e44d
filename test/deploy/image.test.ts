import { globSync } from "node:fs";
import { env } from "../../lib/env.ts";
import { IMAGE_ENVIRONMENT, KNOWN_VARIABLES, readText } from "./files.ts";

const DOCKERFILE = readText("Dockerfile");
const { devDependencies } = JSON.parse(readText("package.json")) as { devDependencies: Record<string, string> };

const instructions = (name: string) =>
	[...DOCKERFILE.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map(([, value]) => value as string);

test("the image runs the Node that the tests run on", () => {
	expect(instructions("ARG")).toEqual([`NODE=node:${devDependencies["node"]}-slim`]);
	expect(instructions("FROM").map((from) => from.split(" ")[0])).toEqual(["${NODE}", "${NODE}"]);
});

test("it takes in all folders of the program, and nothing else", () => {
	const copied = instructions("COPY")
		.filter((copy) => !copy.startsWith("--from"))
		.flatMap((copy) => copy.split(" ").slice(0, -1))
		.sort();
	const program = ["cli", "contracts", "lib", "middlewares", "mixins", "moleculer.config.ts", "services"];
	expect(copied).toEqual([".npmrc", ...program, "package-lock.json", "package.json", "package.json"].sort());

	const ignored = readText(".dockerignore").split("\n");
	expect(ignored).toContain("*");
	const sent = ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
	expect(sent.sort()).toEqual([...new Set(copied)].sort());
	for (const item of sent) expect(globSync(item, { cwd: `${import.meta.dirname}/../..` })).toEqual([item]);
});

test("its environment is one that the program knows and takes", () => {
	expect(Object.keys(IMAGE_ENVIRONMENT).length).toBeGreaterThan(4);
	for (const name of Object.keys(IMAGE_ENVIRONMENT)) expect(KNOWN_VARIABLES).toContain(name);
	expect(env(IMAGE_ENVIRONMENT)).toMatchObject({ host: "0.0.0.0", dataDir: "/data", metricsPort: 3030 });
	const { PORT, METRICS_PORT } = IMAGE_ENVIRONMENT;
	expect(instructions("EXPOSE")).toEqual([`${PORT} ${METRICS_PORT}`]);
});

test("it runs as an ordinary user who is known by his number, and is asked by Node how it is", () => {
	expect(instructions("USER")).toEqual(["1000:1000"]);
	expect(instructions("STOPSIGNAL")).toEqual(["SIGTERM"]);
	expect(instructions("CMD")).toEqual(['["node", "cli/service.ts"]']);
	expect(DOCKERFILE).toMatch(/^HEALTHCHECK .*\\\n\s+CMD \["node", "cli\/probe.ts"\]$/m);
});
