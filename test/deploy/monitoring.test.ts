import { globSync } from "node:fs";
import path from "node:path";
import MoleculerPrometheus from "moleculer-prometheus";
import { MONITORING_NAMESPACE } from "../../deploy/kubernetes/objects.ts";
import { METRICS } from "../../lib/metrics/names.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";
import { ENDPOINTS } from "../../services/api/endpoints.ts";
import { IMAGE_ENVIRONMENT, readText, readYaml } from "./files.ts";

interface Rule {
	readonly record?: string;
	readonly alert?: string;
	readonly expr: string;
	readonly labels?: Readonly<Record<string, string>>;
	readonly annotations?: Readonly<Record<string, string>>;
}

interface Panel {
	readonly type: string;
	readonly title: string;
	readonly description: string;
	readonly datasource: { readonly uid: string };
	readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
	readonly targets: readonly { readonly expr: string; readonly refId: string }[];
	readonly fieldConfig: { readonly defaults: { readonly unit: string } };
}

interface Dashboard {
	readonly uid: string;
	readonly title: string;
	readonly panels: readonly Panel[];
	readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
}

const ROOT = path.join(import.meta.dirname, "../..");
const RULES = globSync("monitoring/rules/*.yml", { cwd: ROOT }).flatMap((file) =>
	(readYaml(file) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules),
);
const ALERTS = RULES.filter((rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined);
const RECORDED = RULES.flatMap(({ record }) => record ?? []);
const DASHBOARDS = globSync("monitoring/grafana/dashboards/*.json", { cwd: ROOT }).map(
	(file) => JSON.parse(readText(file)) as Dashboard,
);
const PANELS = DASHBOARDS.flatMap(({ title, panels }) =>
	panels.map((panel) => [`${title}: ${panel.title}`, panel] as const),
);
const EXPRESSIONS = [
	...RULES.map(({ record, alert, expr }) => [record ?? alert ?? "", expr] as const),
	...PANELS.flatMap(([name, { targets }]) => targets.map(({ expr }) => [name, expr] as const)),
	...DASHBOARDS.flatMap(({ uid, templating }) => templating.list.map(({ definition }) => [uid, definition] as const)),
];

/** The labels of every series: of the node's own, and those that Prometheus gives it by where it has found it. */
const TARGET_LABELS = ["namespace", "nodeID", "job", "instance", "component"];

/** The metrics that there are, by the names of their series, with their labels. */
const SERIES: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
	["up", []],
	...RECORDED.map((name) => [name, ["service", "stage", "symbol"]] as const),
	...Object.entries(MoleculerPrometheus.settings.metrics)
		.filter(([, { type }]) => type === "Gauge")
		.map(([name]) => [name, ["service"]] as const),
	...Object.entries(METRICS).flatMap(([name, { type, labels }]) => {
		const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
		return parts.map((part): [string, readonly string[]] => [name + part, [...labels, "le"]]);
	}),
]);

const KEYWORDS = new Set(["and", "or", "unless", "on", "by", "without", "ignoring", "bool", "offset"]);

/** The series that an expression asks for, each with the labels that it is chosen by. */
function seriesOf(expr: string): { readonly name: string; readonly labels: readonly string[] }[] {
	const bare = expr
		.replaceAll(/"[^"]*"/g, '""')
		.replaceAll(/\b(?:by|on|without|ignoring)\s*\([^)]*\)/g, "")
		.replaceAll(/\[[^\]]*\]/g, "")
		.replaceAll(/, \w+\)$/g, ")"); // label_values(metric, label)
	return [...bare.matchAll(/(?<![\w:.])([a-z_][\w:]*)(?:\{([^}]*)\})?(?!\w*\s*\()/gi)].flatMap(
		([, name = "", chosen]) =>
			KEYWORDS.has(name) || /^\d/.test(name) || bare.includes(`${name}(`)
				? []
				: [{ name, labels: [...(chosen ?? "").matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label as string) }],
	);
}

/** The labels that an expression keeps. */
const groupedBy = (expr: string) =>
	[...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, labels = ""]) =>
		labels.split(",").map((label) => label.trim()),
	);

test("the checks below see rules, dashboards and what they ask for", () => {
	expect(ALERTS.length).toBeGreaterThan(15);
	expect(DASHBOARDS.map(({ uid }) => uid).sort()).toEqual(
		["database", "event-bus", "node", "order-path", "overview"].map((name) => `agt-${name}`),
	);
	expect(
		seriesOf('sum by (service) (rate(a_total{status=~"5..", code!="x"}[5m])) > b:c:d and on () vector(1)'),
	).toEqual([
		{ name: "a_total", labels: ["status", "code"] },
		{ name: "b:c:d", labels: [] },
	]);
});

test.each(EXPRESSIONS)("%s asks for what the product shows", (_name, expr) => {
	const asked = seriesOf(expr);
	expect(asked.length).toBeGreaterThan(0);
	const known = asked.flatMap(({ name, labels }) => {
		expect([...SERIES.keys()]).toContain(name);
		const own = [...(SERIES.get(name) ?? []), ...TARGET_LABELS];
		for (const label of labels) expect(own).toContain(label);
		return own;
	});
	for (const label of groupedBy(expr)) expect(known).toContain(label);
});

test("whatever is measured or recorded is looked at", () => {
	const asked = new Set(EXPRESSIONS.flatMap(([, expr]) => seriesOf(expr).map(({ name }) => name)));
	const unseen = Object.keys(METRICS).filter((name) => !asked.has(name) && !asked.has(`${name}_bucket`));
	expect(unseen).toEqual([]);
	expect(RECORDED.filter((name) => !asked.has(name))).toEqual([]);
});

describe.each(ALERTS.map((rule) => [rule.alert, rule] as const))("alert %s", (alert, { labels, annotations }) => {
	test("says how urgent it is, what is wrong, and where it is written what to do", () => {
		expect(["page", "ticket", "info"]).toContain(labels?.["severity"]);
		expect(annotations?.["summary"]).toMatch(/^\S.*[^.]$/);
		expect(annotations?.["description"]).toMatch(/\.$/);
		expect(annotations?.["runbook"]).toBe(`docs/operations.md#${alert.toLowerCase()}`);
		const section = new RegExp(`^### ${alert}\\n\\n(?!#)`, "m");
		expect(readText("docs/operations.md")).toMatch(section);
	});

	test("has a test in which it fires", () => {
		const { tests } = readYaml("monitoring/rules.test.yml") as {
			tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
		};
		const fires = tests
			.flatMap(({ alert_rule_test: cases }) => cases)
			.filter(({ alertname, exp_alerts: expected }) => alertname === alert && expected.length > 0);
		expect(fires).not.toEqual([]);
	});
});

test("the handbook has no section about an alert that there is not", () => {
	const [, alerts = ""] = readText("docs/operations.md").split(/^## Alerts$/m);
	const [own = ""] = alerts.split(/^## /m);
	const sections = [...own.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
	expect(sections).toEqual(ALERTS.map(({ alert }) => alert));
});

test("answers that last as long as their clients like do not count as slow", () => {
	const streamed = ENDPOINTS.filter(({ streams }) => streams).map(({ path: route }) => route);
	expect(streamed.length).toBeGreaterThan(0);
	const recorded = RULES.filter(({ expr }) => expr.includes("http_request_duration_seconds_bucket"));
	expect(recorded.length).toBeGreaterThan(0);
	for (const { expr } of recorded) {
		const left = [...expr.matchAll(/endpoint!="([^"]+)"/g)].map(([, endpoint]) => endpoint);
		expect(left).toEqual(streamed);
	}
});

test.each(PANELS)(
	"%s has its place, its unit and an explanation",
	(_name, { gridPos, description, fieldConfig, ...panel }) => {
		expect(description).toMatch(/^[A-Z].{10,}\.$/);
		expect(fieldConfig.defaults.unit).toMatch(/^\w+$/);
		expect(["stat", "timeseries"]).toContain(panel.type);
		expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
		expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
		const { datasources } = readYaml("monitoring/grafana/provisioning/datasources/prometheus.yml") as {
			datasources: { uid: string }[];
		};
		expect(datasources.map(({ uid }) => uid)).toEqual([panel.datasource.uid]);
	},
);

test("no panel lies on another", () => {
	for (const { panels } of DASHBOARDS) {
		const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
			Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
		);
		expect(new Set(cells).size).toBe(cells.length);
	}
});

test("Prometheus looks for the nodes of every service", () => {
	const { scrape_configs: jobs } = readYaml("monitoring/prometheus.yml") as {
		scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
	};
	const [found] = jobs.find(({ job_name: name }) => name === "nodes")?.dns_sd_configs ?? [];
	expect(found?.names).toEqual([...SERVICE_NAMES].sort());
	expect(String(found?.port)).toBe(IMAGE_ENVIRONMENT["METRICS_PORT"]);
	for (const job of RULES.flatMap(({ expr }) => [...expr.matchAll(/job="(\w+)"/g)])) expect(job[1]).toBe("nodes");
});

test.each([
	["prometheus.yml", "alertmanager"],
	["prometheus.kubernetes.yml", `alertmanager.${MONITORING_NAMESPACE}.svc`],
])("alerts of %s go to an Alertmanager that the handbook tells how to run", (file, name) => {
	const { alerting } = readYaml(`monitoring/${file}`) as {
		alerting?: { alertmanagers: { dns_sd_configs: { names: string[]; type: string; port: number }[] }[] };
	};
	const [found] = alerting?.alertmanagers[0]?.dns_sd_configs ?? [];
	expect(found).toMatchObject({ names: [name], type: "A", port: 9093 });
	const [, told = ""] = readText("docs/operations.md").split(/^## Be told of alerts$/m);
	const [section = ""] = told.split(/^## /m);
	expect(section).toContain(`\`${name}\``);
	expect(section).toContain("9093");
	for (const severity of new Set(ALERTS.map(({ labels }) => labels?.["severity"])))
		expect(section).toContain(`severity = ${severity}`);
});

test("Prometheus and what it tells can meet, and the latter can go on from there", () => {
	const { services, networks } = readYaml("docker-compose.yml") as {
		services: { prometheus: { networks: string[] } };
		networks: Record<string, { internal?: boolean }>;
	};
	expect(services.prometheus.networks).toContain("monitoring");
	expect(networks["monitoring"]?.internal).toBeUndefined();
	expect(readText("docs/operations.md")).toMatch(/^ {2}alertmanager:\n(?: {4}.*\n)* {4}networks: \[monitoring\]$/m);
});
