import { spawnSync } from "node:child_process";
import type { Container, EnvVar, Secret } from "kubernetes-types/core/v1.d.ts";
import { parseAllDocuments } from "yaml";
import { MAX_CONNECTIONS } from "../../deploy/kubernetes/databases.ts";
import { NAMESPACE } from "../../deploy/kubernetes/objects.ts";
import { env } from "../../lib/env.ts";
import { databaseName, databaseVariable, isStateful, SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { IMAGE_ENVIRONMENT, KNOWN_VARIABLES, readText, stoppingMs } from "./files.ts";
import { all, containersOf, named, podOf, serviceContainer, WORKLOADS } from "./manifests.ts";

/** PostgreSQL keeps so many for its superuser, and who looks takes some. */
const SPARE_CONNECTIONS = 13;

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

const settingsOf = (it: Container) => env({ ...IMAGE_ENVIRONMENT, ...environmentOf(it) });

test("it has no secrets, and asks for each that is made", () => {
	expect(readText("k8s.yaml")).not.toMatch(/^kind: Secret/m);
	const asked = WORKLOADS.flatMap(containersOf).flatMap(({ env: variables = [] }) =>
		variables.flatMap(({ valueFrom: { secretKeyRef } = {} }) =>
			secretKeyRef?.optional ? [] : (secretKeyRef?.name ?? []),
		),
	);
	expect(new Set(asked)).toEqual(new Set(SECRETS.keys()));
});

describe.each([...SERVICE_NAMES])("%s", (name) => {
	test("runs its service alone, with settings that the program knows and takes", () => {
		const settings = settingsOf(serviceContainer(name));
		expect(settings.services).toEqual([name]);
		expect(settings.nodeId).not.toBeNull();
		for (const variable of Object.keys(environmentOf(serviceContainer(name)))) {
			if (!variable.endsWith("_PASSWORD")) expect(KNOWN_VARIABLES).toContain(variable);
		}
	});

	test("finds every server of NATS", () => {
		const { spec, metadata } = named("StatefulSet", "nats");
		const servers = Array.from(
			{ length: spec?.replicas ?? 0 },
			(_, i) => `${metadata?.name}-${i}.${spec?.serviceName}`,
		);
		const urls = (settingsOf(serviceContainer(name)).transporter ?? "").split(",").map((server) => new URL(server));
		expect(urls.map(({ hostname }) => hostname)).toEqual(servers);
		expect(new Set(urls.map(({ password }) => password))).toEqual(new Set([SECRETS.get("nats")?.["password"]]));
	});

	test("finds Redis", () => {
		const url = new URL(settingsOf(serviceContainer(name)).redisUrl ?? "");
		const { metadata, spec } = named("Service", "redis");
		expect([url.hostname, Number(url.port)]).toEqual([metadata?.name, spec?.ports?.[0]?.port]);
		expect(url.password).toBe(SECRETS.get("redis")?.["password"]);
	});

	test("has a database of its own that is brought up to date first, or none", () => {
		const given = Object.keys(environmentOf(serviceContainer(name))).filter((variable) =>
			variable.endsWith("_DATABASE_URL"),
		);
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
		const [owner, user] = [migration, serviceContainer(name)].map((it) => new URL(settingsOf(it).databaseUrl(name)));
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
		const { databasePoolSize } = settingsOf(serviceContainer(name));
		expect(nodes * databasePoolSize + nodes + SPARE_CONNECTIONS).toBeLessThanOrEqual(MAX_CONNECTIONS);
	});
});

test("every setting of the program is given to somebody, or is right as it is", () => {
	const given = SERVICE_NAMES.flatMap((name) =>
		Object.keys({ ...IMAGE_ENVIRONMENT, ...environmentOf(serviceContainer(name)) }),
	);
	const settings = given.filter((name) => !name.endsWith("_PASSWORD"));
	expect([...new Set([...settings, ...NOT_GIVEN])].sort()).toEqual([...KNOWN_VARIABLES].sort());
	expect(settings.filter((name) => NOT_GIVEN.includes(name))).toEqual([]);
	expect(settingsOf(serviceContainer("notifications")).smtpUrl).toBeNull();
});

test("the ConfigMap's values are those that hold without them, but for the Ingress, which is believed", () => {
	const { databaseUrl: _, trustedProxies, ...settings } = env(named("ConfigMap", "settings").data ?? {});
	expect(env({ TRUSTED_PROXIES: "", LOG_LEVEL: "info" })).toMatchObject(settings);
	expect(trustedProxies).toContain("10.0.0.0/8");
});

test("a node has the time to end what it has begun", () => {
	for (const name of SERVICE_NAMES) {
		const waitS = serviceContainer(name).lifecycle?.preStop?.sleep?.seconds ?? 0;
		expect(waitS > 0).toBe(name === "api");
		const { terminationGracePeriodSeconds: graceS = 0 } = podOf(named("Deployment", name));
		expect(graceS * 1_000).toBeGreaterThan(waitS * 1_000 + stoppingMs(name, settingsOf(serviceContainer(name))));
	}
});

test("the verification looks into every database as the service itself does", () => {
	const job = named("CronJob", "verify").spec?.jobTemplate.spec?.template.spec;
	const [verification] = job?.containers ?? [];
	const settings = settingsOf(verification as Container);
	for (const name of STATEFUL_SERVICES) {
		expect(settings.databaseUrl(name)).toBe(settingsOf(serviceContainer(name)).databaseUrl(name));
	}
	expect(verification?.image).toBe(serviceContainer("orders").image);
	expect(job?.securityContext).toEqual(podOf(named("Deployment", "orders")).securityContext);
	expect(verification?.securityContext).toEqual(serviceContainer("orders").securityContext);
});
