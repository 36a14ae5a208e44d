import { spawnSync } from "node:child_process";
import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { Container, EnvVar, Secret } from "kubernetes-types/core/v1.d.ts";
import { parseAllDocuments } from "yaml";
import { generatedFiles } from "../../deploy/generated.ts";
import { MAX_CONNECTIONS } from "../../deploy/kubernetes/databases.ts";
import { type Manifest, NAMESPACE, START_PATIENCE_S } from "../../deploy/kubernetes/objects.ts";
import { env } from "../../lib/env.ts";
import { databaseName, databaseVariable, isStateful, SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { IMAGE_ENVIRONMENT, KNOWN_VARIABLES, readText, readYaml, stoppingMs } from "./files.ts";

type Workload = Deployment | StatefulSet;

/** PostgreSQL keeps so many for its superuser, and who looks takes some. */
const SPARE_CONNECTIONS = 13;

const MANIFESTS = parseAllDocuments(readText("k8s.yaml")).map((document) => document.toJS() as Manifest);
const WORKLOADS = MANIFESTS.filter(
	(manifest): manifest is Workload => manifest.kind === "Deployment" || manifest.kind === "StatefulSet",
);

/** What the nodes are not given. */
const NOT_GIVEN = [
	"FAILPOINT", // is for tests
	"NAMESPACE", // NATS is the cluster's alone
	"WEBHOOK_PRIVATE_HOSTS", // network policies let nobody go there
];

/** What `npm run secrets -- kubernetes` makes, as Kubernetes would keep it. */
const SECRETS = madeSecrets();

function madeSecrets(): ReadonlyMap<string, Readonly<Record<string, string>>> {
	const { stdout, status } = spawnSync(process.execPath, ["deploy/new-secrets.ts", "kubernetes"], {
		cwd: `${import.meta.dirname}/../..`,
		encoding: "utf8",
	});
	expect(status).toBe(0);
	const secrets = parseAllDocuments(stdout).map((document) => document.toJS() as Secret);
	for (const { kind, metadata } of secrets) expect([kind, metadata?.namespace]).toEqual(["Secret", NAMESPACE]);
	return new Map(secrets.map(({ metadata, stringData }) => [metadata?.name ?? "", stringData ?? {}]));
}

const named = <Kind extends Manifest["kind"]>(kind: Kind, name: string) => {
	const found = MANIFESTS.find((manifest) => manifest.kind === kind && manifest.metadata?.name === name);
	if (!found) throw new Error(`k8s.yaml has no ${kind} ${name}`);
	return found as Extract<Manifest, { kind?: Kind }>;
};
const all = <Kind extends Manifest["kind"]>(kind: Kind) =>
	MANIFESTS.filter((manifest) => manifest.kind === kind) as Extract<Manifest, { kind?: Kind }>[];

const podOf = (workload: Workload) => workload.spec?.template.spec ?? { containers: [] };
const labelsOf = (workload: Workload) => workload.spec?.template.metadata?.labels ?? {};
const containersOf = (workload: Workload) => [...(podOf(workload).initContainers ?? []), ...podOf(workload).containers];
const matches = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}) =>
	Object.entries(wanted).every(([label, value]) => labels[label] === value);

/** The environment that Kubernetes makes of it, with the secrets that are made. */
function environmentOf({ env: variables = [], envFrom = [] }: Container): Record<string, string> {
	const made: Record<string, string> = {};
	for (const { configMapRef } of envFrom) Object.assign(made, named("ConfigMap", configMapRef?.name ?? "").data);
	for (const variable of variables) {
		made[variable.name] = valueOf(variable).replaceAll(/\$\((\w+)\)/g, (_, name: string) => {
			// Only what stands before it is replaced.
			expect(Object.keys(made)).toContain(name);
			return made[name] as string;
		});
	}
	return made;
}

function valueOf({ name, value, valueFrom }: EnvVar): string {
	if (value !== undefined) return value;
	if (valueFrom?.fieldRef) return "orders-7d4b9c6f5-x2x7k";
	const { name: secret = "", key = "" } = valueFrom?.secretKeyRef ?? {};
	const found = SECRETS.get(secret)?.[key];
	if (found === undefined && !valueFrom?.secretKeyRef?.optional)
		throw new Error(`${name} is in no secret that is made`);
	return found ?? "";
}

const container = (name: string) => podOf(named("Deployment", name)).containers[0] as Container;
const settingsOf = (it: Container) => env({ ...IMAGE_ENVIRONMENT, ...environmentOf(it) });

test.each(Object.keys(generatedFiles()))("%s is what npm run generate makes", (file) => {
	expect(readText(file)).toBe(generatedFiles()[file]);
});

test("it has no secrets, and asks for each that is made", () => {
	expect(readText("k8s.yaml")).not.toMatch(/^kind: Secret/m);
	const asked = WORKLOADS.flatMap(containersOf).flatMap(({ env: variables = [] }) =>
		variables.flatMap(({ valueFrom: { secretKeyRef } = {} }) =>
			secretKeyRef?.optional ? [] : (secretKeyRef?.name ?? []),
		),
	);
	expect(new Set(asked)).toEqual(new Set(SECRETS.keys()));
});

test("all is in the namespace, under a name that nothing else of its kind has", () => {
	const names = MANIFESTS.map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
	expect(new Set(names).size).toBe(names.length);
	for (const { kind, metadata } of MANIFESTS) {
		expect(kind === "Namespace" ? metadata?.name : metadata?.namespace).toBe(NAMESPACE);
	}
});

test("every service has its Deployment, every database its StatefulSet", () => {
	expect(all("Deployment").map(({ metadata }) => metadata?.name)).toEqual([...SERVICE_NAMES].sort(inTheirOrder));
	const servers = [...STATEFUL_SERVICES.map((name) => `${name}-db`), "nats", "redis"].sort();
	expect(
		all("StatefulSet")
			.map(({ metadata }) => metadata?.name)
			.sort(),
	).toEqual(servers);
});

describe.each([...SERVICE_NAMES])("%s", (name) => {
	test("runs its service alone, with settings that the program knows and takes", () => {
		const settings = settingsOf(container(name));
		expect(settings.services).toEqual([name]);
		expect(settings.nodeId).not.toBeNull();
		for (const variable of Object.keys(environmentOf(container(name)))) {
			if (!variable.endsWith("_PASSWORD")) expect(KNOWN_VARIABLES).toContain(variable);
		}
	});

	test("finds every server of NATS", () => {
		const { spec, metadata } = named("StatefulSet", "nats");
		const servers = Array.from(
			{ length: spec?.replicas ?? 0 },
			(_, i) => `${metadata?.name}-${i}.${spec?.serviceName}`,
		);
		const urls = (settingsOf(container(name)).transporter ?? "").split(",").map((server) => new URL(server));
		expect(urls.map(({ hostname }) => hostname)).toEqual(servers);
		expect(new Set(urls.map(({ password }) => password))).toEqual(new Set([SECRETS.get("nats")?.["password"]]));
	});

	test("finds Redis", () => {
		const url = new URL(settingsOf(container(name)).redisUrl ?? "");
		const { metadata, spec } = named("Service", "redis");
		expect([url.hostname, Number(url.port)]).toEqual([metadata?.name, spec?.ports?.[0]?.port]);
		expect(url.password).toBe(SECRETS.get("redis")?.["password"]);
	});

	test("has a database of its own that is brought up to date first, or none", () => {
		const given = Object.keys(environmentOf(container(name))).filter((variable) => variable.endsWith("_DATABASE_URL"));
		expect(given).toEqual(isStateful(name) ? [databaseVariable(name)] : []);
		const { initContainers = [] } = podOf(named("Deployment", name));
		expect(initContainers.map(({ command }) => command)).toEqual(isStateful(name) ? [["node", "cli/migrate.ts"]] : []);
	});
});

describe.each([...STATEFUL_SERVICES])("the database of %s", (name) => {
	test("is where node and migration look for it, by users that it has", () => {
		const server = podOf(named("StatefulSet", `${name}-db`)).containers[0] as Container;
		const made = environmentOf(server);
		expect(made["SERVICE"]).toBe(name);
		const migration = podOf(named("Deployment", name)).initContainers?.[0] as Container;
		const [owner, user] = [migration, container(name)].map((it) => new URL(settingsOf(it).databaseUrl(name)));
		for (const url of [owner, user]) {
			expect(url).toMatchObject({ hostname: `${name}-db`, port: "5432", pathname: `/${databaseName(name)}` });
		}
		expect([owner?.username, owner?.password]).toEqual([name, made["POSTGRES_PASSWORD"]]);
		expect([user?.username, user?.password]).toEqual(
			name === "audit" ? ["audit_service", made["AUDIT_SERVICE_PASSWORD"]] : [name, made["POSTGRES_PASSWORD"]],
		);
	});

	test("has a connection for whoever may want one", () => {
		const scaled = all("HorizontalPodAutoscaler").find(({ metadata }) => metadata?.name === name);
		const nodes = (scaled?.spec?.maxReplicas ?? named("Deployment", name).spec?.replicas ?? 0) + 1;
		const { databasePoolSize } = settingsOf(container(name));
		expect(nodes * databasePoolSize + nodes + SPARE_CONNECTIONS).toBeLessThanOrEqual(MAX_CONNECTIONS);
	});
});

test("every setting of the program is given to somebody, or is right as it is", () => {
	const given = SERVICE_NAMES.flatMap((name) =>
		Object.keys({ ...IMAGE_ENVIRONMENT, ...environmentOf(container(name)) }),
	);
	const settings = given.filter((name) => !name.endsWith("_PASSWORD"));
	expect([...new Set([...settings, ...NOT_GIVEN])].sort()).toEqual([...KNOWN_VARIABLES].sort());
	expect(settings.filter((name) => NOT_GIVEN.includes(name))).toEqual([]);
	expect(settingsOf(container("notifications")).smtpUrl).toBeNull();
});

test("the ConfigMap's values are those that hold without them, but for the Ingress, which is believed", () => {
	const { databaseUrl: _, trustedProxies, ...settings } = env(named("ConfigMap", "settings").data ?? {});
	expect(env({ TRUSTED_PROXIES: "", LOG_LEVEL: "info" })).toMatchObject(settings);
	expect(trustedProxies).toContain("10.0.0.0/8");
});

const labelled = (workload: Workload) => [`${workload.kind} ${workload.metadata?.name}`, workload] as const;

describe.each(WORKLOADS.map(labelled))("%s", (_name, workload) => {
	test("has an ordinary user's rights and nothing to write to but its volumes", () => {
		expect(podOf(workload)).toMatchObject({
			automountServiceAccountToken: false,
			securityContext: {
				runAsNonRoot: true,
				runAsUser: expect.any(Number),
				seccompProfile: { type: "RuntimeDefault" },
			},
		});
		for (const { securityContext } of containersOf(workload)) {
			expect(securityContext).toEqual({
				allowPrivilegeEscalation: false,
				readOnlyRootFilesystem: true,
				capabilities: { drop: ["ALL"] },
			});
		}
	});

	test("says what it needs and takes at most, and how to see that it is well", () => {
		for (const { resources } of containersOf(workload)) {
			expect(resources).toMatchObject({ requests: { cpu: expect.anything(), memory: expect.anything() } });
			expect(resources).toMatchObject({ limits: { cpu: expect.anything(), memory: resources?.requests?.["memory"] } });
		}
		for (const { livenessProbe, readinessProbe, ports = [] } of podOf(workload).containers) {
			for (const probe of [livenessProbe, readinessProbe]) {
				expect(probe?.httpGet ?? probe?.exec).toBeDefined();
				if (probe?.httpGet) expect(ports.map(({ name }) => name)).toContain(probe.httpGet.port);
			}
		}
	});

	test("mounts what is there, and is found by its own selector", () => {
		const claims = workload.kind === "StatefulSet" ? (workload.spec?.volumeClaimTemplates ?? []) : [];
		const volumes = [
			...(podOf(workload).volumes ?? []).map(({ name }) => name),
			...claims.map(({ metadata }) => metadata?.name),
		];
		const mounted = containersOf(workload).flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
		expect(new Set(mounted)).toEqual(new Set(volumes));
		for (const { configMap } of podOf(workload).volumes ?? []) if (configMap) named("ConfigMap", configMap.name ?? "");
		expect(matches(labelsOf(workload), workload.spec?.selector.matchLabels)).toBe(true);
		const same = WORKLOADS.filter((other) => matches(labelsOf(other), workload.spec?.selector.matchLabels));
		expect(same).toHaveLength(1);
		if (workload.kind === "StatefulSet") named("Service", workload.spec?.serviceName ?? "");
	});
});

test("whatever there is more than one of keeps one while machines are emptied", () => {
	const budgets = all("PodDisruptionBudget");
	const scaled = new Set(all("HorizontalPodAutoscaler").map(({ metadata }) => metadata?.name));
	for (const workload of WORKLOADS) {
		const several = (workload.spec?.replicas ?? 2) > 1;
		const kept = budgets.filter(({ spec }) => matches(labelsOf(workload), spec?.selector?.matchLabels));
		expect(kept.map(({ spec }) => spec?.maxUnavailable)).toEqual(several ? [1] : []);
		// An autoscaler and a number in the file would each undo what the other does.
		expect(workload.spec?.replicas === undefined).toBe(scaled.has(workload.metadata?.name));
	}
	for (const { spec } of all("HorizontalPodAutoscaler")) {
		named("Deployment", spec?.scaleTargetRef.name ?? "");
		expect(spec?.minReplicas).toBeGreaterThanOrEqual(2);
		expect(spec?.maxReplicas).toBeGreaterThan(spec?.minReplicas ?? 0);
	}
});

test("Services and the Ingress lead somewhere", () => {
	for (const { metadata, spec } of all("Service")) {
		const pods = WORKLOADS.filter((workload) => matches(labelsOf(workload), spec?.selector));
		expect([metadata?.name, pods.length]).toEqual([metadata?.name, 1]);
		const ports = pods.flatMap((workload) => podOf(workload).containers).flatMap(({ ports: open = [] }) => open);
		for (const { port, targetPort } of spec?.ports ?? []) {
			expect(ports.map(({ containerPort }) => containerPort)).toContain(targetPort ?? port);
		}
	}
	const backend = named("Ingress", "api").spec?.rules?.[0]?.http?.paths[0]?.backend.service;
	expect(named("Service", backend?.name ?? "").spec?.ports?.map(({ name }) => name)).toContain(backend?.port?.name);
});

test("a node has the time to end what it has begun", () => {
	for (const name of SERVICE_NAMES) {
		const waitS = container(name).lifecycle?.preStop?.sleep?.seconds ?? 0;
		expect(waitS > 0).toBe(name === "api");
		const { terminationGracePeriodSeconds: graceS = 0 } = podOf(named("Deployment", name));
		expect(graceS * 1_000).toBeGreaterThan(waitS * 1_000 + stoppingMs(name, settingsOf(container(name))));
	}
});

test("the verification looks into every database as the service itself does", () => {
	const job = named("CronJob", "verify").spec?.jobTemplate.spec?.template.spec;
	const [verification] = job?.containers ?? [];
	const settings = settingsOf(verification as Container);
	for (const name of STATEFUL_SERVICES) {
		expect(settings.databaseUrl(name)).toBe(settingsOf(container(name)).databaseUrl(name));
	}
	expect(verification?.image).toBe(container("orders").image);
	expect(job?.securityContext).toEqual(podOf(named("Deployment", "orders")).securityContext);
	expect(verification?.securityContext).toEqual(container("orders").securityContext);
});

test("compose and Kubernetes run the same servers", () => {
	const { services } = readYaml("docker-compose.yml") as {
		services: Record<string, { image: string; command?: string[] }>;
	};
	const serverOf = (name: string) => podOf(named("StatefulSet", name)).containers[0] as Container;
	for (const name of ["nats", "redis", "orders-db"]) expect(serverOf(name).image).toBe(services[name]?.image);
	expect(serverOf("redis").command).toEqual(services["redis"]?.command?.map((part) => part.replaceAll("$$", "$")));
});

/** The order in which they stand does not matter. */
function inTheirOrder(a: string, b: string): number {
	const names = all("Deployment").map(({ metadata }) => metadata?.name);
	return names.indexOf(a) - names.indexOf(b);
}

test("no probe asks for metrics, some of which count from one scrape to the next", () => {
	const asked = WORKLOADS.flatMap(podOf).flatMap(({ containers }) =>
		containers.flatMap(({ startupProbe, livenessProbe, readinessProbe }) =>
			[startupProbe, livenessProbe, readinessProbe].flatMap((probe) => probe?.httpGet?.path ?? []),
		),
	);
	expect(new Set(asked)).toEqual(
		new Set([
			"/live",
			"/started",
			"/health/live",
			"/health/ready",
			...asked.filter((path) => path.includes("healthz")),
		]),
	);
});

test("nobody is ended while it starts before a database must have, and somebody is told long before", () => {
	const patienceS = WORKLOADS.flatMap((workload) =>
		labelsOf(workload)["autogrowthtrading/role"] === "nats"
			? []
			: podOf(workload).containers.flatMap(({ startupProbe }) => {
					const { periodSeconds = 10, failureThreshold = 3 } = startupProbe ?? {};
					return startupProbe ? [periodSeconds * failureThreshold] : [];
				}),
	);
	expect(patienceS.length).toBe(SERVICE_NAMES.length + STATEFUL_SERVICES.length);
	expect(new Set(patienceS)).toEqual(new Set([START_PATIENCE_S]));
	expect(readText("docs/operations.md")).toContain(`${START_PATIENCE_S / 60} minutes`);

	const { groups } = readYaml("monitoring/rules/alerts.yml") as {
		groups: { rules: { alert: string; for?: string }[] }[];
	};
	const { for: told = "" } = groups.flatMap(({ rules }) => rules).find(({ alert }) => alert === "NodeNotStarted") ?? {};
	expect(told).toMatch(/^\d+m$/);
	expect(Number.parseInt(told, 10) * 60).toBeLessThan(START_PATIENCE_S / 2);
});
