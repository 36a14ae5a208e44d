import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import { manifests } from "../../deploy/kubernetes/index.ts";
import { settingsManifest } from "../../deploy/kubernetes/settings.ts";
import { env } from "../../lib/env.ts";
import { SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { ENDPOINTS } from "../../services/api/endpoints.ts";
import { STOP_NOTICE_MS } from "../../services/api/limits.ts";
import { IMAGE_ENVIRONMENT, readText, readYaml, stoppingMs } from "./files.ts";

const HANDBOOK = readText("docs/operations.md");

const found = (pattern: RegExp) => [...HANDBOOK.matchAll(pattern)].map((match) => match.slice(1));

test("the handbook speaks of routes that there are", () => {
	const routes = found(/`(GET|POST|PUT|DELETE) (\/api\/[\w/-]+)/g);
	expect(routes.length).toBeGreaterThan(4);
	const known = ENDPOINTS.map(({ method, path }) => `${method} ${path}`);
	for (const [method, route] of routes) expect(known).toContain(`${method} ${route}`);
});

test("of scripts and commands that there are", () => {
	const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
	const named = found(/\bnpm run (?:--silent )?([\w:]+)/g).flat();
	expect(named.length).toBeGreaterThan(2);
	for (const script of named) expect(Object.keys(scripts)).toContain(script);
	for (const file of found(/\bnode (cli\/[\w/-]+\.ts)/g).flat()) expect(readText(file)).not.toBe("");
});

test("of containers that there are", () => {
	const { services } = readYaml("docker-compose.yml") as { services: object };
	const named = found(/docker compose (?:stop|start|exec(?: -T)?|run --rm|rm -sf) ([a-z][\w-]*)/g).flat();
	expect(named.length).toBeGreaterThan(4);
	for (const name of named) expect(Object.keys(services)).toContain(name);
});

test("of every database, where it speaks of all, and of every service, where it says how to scale", () => {
	const loops = found(/for service in ([a-z ]+); do/g).flat();
	expect(loops.length).toBeGreaterThan(1);
	for (const loop of loops) expect(loop).toBe(STATEFUL_SERVICES.join(" "));
	const [, scaling = ""] = HANDBOOK.split(/^## Scale$/m);
	const scaled = [...(scaling.split(/^## /m)[0] ?? "").matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, names = ""]) =>
		[...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
	);
	expect(scaled.sort()).toEqual([...SERVICE_NAMES].sort());
});

test("of the times that a stop takes, as they are", () => {
	const { services } = readYaml("docker-compose.yml") as { services: { api: { stop_grace_period: string } } };
	const api = manifests().find(({ kind, metadata }) => kind === "Deployment" && metadata?.name === "api") as Deployment;
	const pod = api.spec?.template.spec;
	const waitS = pod?.containers[0]?.lifecycle?.preStop?.sleep?.seconds;
	expect(HANDBOOK).toContain(`serves on for ${STOP_NOTICE_MS / 1_000} s`);
	const longestMs = stoppingMs("api", env({ ...IMAGE_ENVIRONMENT, TRANSPORTER: "nats://nats:4222" }));
	expect(HANDBOOK).toContain(`${longestMs / 1_000} s at most in all`);
	expect(HANDBOOK).toMatch(
		new RegExp(`^\\| compose \\| \\| ${Number.parseInt(services.api.stop_grace_period, 10)} s `, "m"),
	);
	expect(HANDBOOK).toMatch(
		new RegExp(`^\\| Kubernetes \\| ${waitS} s .*\\| ${pod?.terminationGracePeriodSeconds} s `, "m"),
	);
});

test("of settings that Kubernetes has", () => {
	const { data: settings } = settingsManifest();
	const patched = found(/path: \/data\/([A-Z_]+)/g).flat();
	expect(patched.length).toBeGreaterThan(1);
	for (const name of patched) expect(Object.keys(settings ?? {})).toContain(name);
});

test("of pages and sections that there are", () => {
	for (const [page = "", section] of found(/\]\(([\w-]+\.md)(?:#([\w-]+))?\)/g)) {
		const headings = [...readText(`docs/${page}`).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
			heading
				.toLowerCase()
				.replaceAll(/[^\w -]/g, "")
				.replaceAll(" ", "-"),
		);
		if (section) expect(headings).toContain(section);
		else expect(headings.length).toBeGreaterThan(0);
	}
});
