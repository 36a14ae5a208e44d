import type { Container } from "kubernetes-types/core/v1.d.ts";
import { generatedFiles } from "../../deploy/generated.ts";
import { NAMESPACE, START_PATIENCE_S } from "../../deploy/kubernetes/objects.ts";
import { SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { readText, readYaml } from "./files.ts";
import {
	all,
	containersOf,
	labelsOf,
	MANIFESTS,
	matches,
	named,
	podOf,
	WORKLOADS,
	type Workload,
} from "./manifests.ts";

test.each(Object.keys(generatedFiles()))("%s is what npm run generate makes", (file) => {
	expect(readText(file)).toBe(generatedFiles()[file]);
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

test("compose and Kubernetes run the same servers", () => {
	const { services } = readYaml("docker-compose.yml") as {
		services: Record<string, { image: string; command?: string[] }>;
	};
	const serverOf = (name: string) => podOf(named("StatefulSet", name)).containers[0] as Container;
	for (const name of ["nats", "redis", "orders-db"]) expect(serverOf(name).image).toBe(services[name]?.image);
	expect(serverOf("redis").command).toEqual(services["redis"]?.command?.map((part) => part.replaceAll("$$", "$")));
});

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

/** The order in which they stand does not matter. */
function inTheirOrder(a: string, b: string): number {
	const names = all("Deployment").map(({ metadata }) => metadata?.name);
	return names.indexOf(a) - names.indexOf(b);
}
