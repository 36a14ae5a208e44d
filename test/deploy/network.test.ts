import type { PodTemplateSpec } from "kubernetes-types/core/v1.d.ts";
import type { LabelSelector } from "kubernetes-types/meta/v1.d.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "kubernetes-types/networking/v1.d.ts";
import { parse } from "yaml";
import { manifests } from "../../deploy/kubernetes/index.ts";
import { type Manifest, NAMESPACE } from "../../deploy/kubernetes/objects.ts";
import { SERVICE_NAMES, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { readText } from "./files.ts";

type Labels = Readonly<Record<string, string>>;

/** Somebody with an address: a pod of ours, one of another namespace, or a machine. */
type Party = { readonly pod: Labels } | { readonly namespace: string; readonly pod?: Labels } | { readonly ip: string };

const POLICIES = manifests().filter((manifest): manifest is NetworkPolicy => manifest.kind === "NetworkPolicy");

const PODS: ReadonlyMap<string, { readonly pod: Labels }> = new Map(
	manifests().flatMap((manifest) => {
		const template = templateOf(manifest);
		return template ? [[manifest.metadata?.name ?? "", { pod: template.metadata?.labels ?? {} }] as const] : [];
	}),
);

function templateOf(manifest: Manifest): PodTemplateSpec | undefined {
	if (manifest.kind === "Deployment" || manifest.kind === "StatefulSet") return manifest.spec?.template;
	return manifest.kind === "CronJob" ? manifest.spec?.jobTemplate.spec?.template : undefined;
}

const pod = (name: string) => PODS.get(name) as { readonly pod: Labels };
const INTERNET = { ip: "93.184.215.14" };

/** Whether Kubernetes lets `from` open a connection to a port of `to`: both must allow it. */
function mayReach(from: Party, to: Party, port: number, policies = POLICIES): boolean {
	return allows("Egress", from, to, port, policies) && allows("Ingress", to, from, port, policies);
}

function allows(
	direction: "Ingress" | "Egress",
	own: Party,
	other: Party,
	port: number,
	policies: readonly NetworkPolicy[],
): boolean {
	// Policies are about pods of this namespace alone.
	if (!("pod" in own) || "namespace" in own) return true;
	const concerning = policies.filter(
		({ spec }) => spec?.policyTypes?.includes(direction) && selects(spec.podSelector, own.pod),
	);
	expect(concerning.length).toBeGreaterThan(0);
	return concerning.some(({ spec }) => {
		const rules =
			direction === "Egress"
				? (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
				: (spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
		return rules.some(({ peers = [], ports = [] }) => peers.some((peer) => isOf(peer, other)) && opens(ports, port));
	});
}

const opens = (ports: readonly NetworkPolicyPort[], wanted: number) => ports.some(({ port }) => port === wanted);

function selects({ matchLabels = {} }: LabelSelector, labels: Labels): boolean {
	return Object.entries(matchLabels).every(([label, value]) => labels[label] === value);
}

function isOf({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, party: Party): boolean {
	if ("ip" in party) return ipBlock !== undefined && inBlock(party.ip, ipBlock.cidr, ipBlock.except);
	if (ipBlock) return false;
	if ("namespace" in party) {
		const inNamespace = { "kubernetes.io/metadata.name": party.namespace };
		return (
			namespaceSelector !== undefined &&
			selects(namespaceSelector, inNamespace) &&
			selects(podSelector ?? {}, party.pod ?? {})
		);
	}
	return namespaceSelector === undefined && podSelector !== undefined && selects(podSelector, party.pod);
}

function inBlock(ip: string, cidr: string, except: readonly string[] = []): boolean {
	const [network = "", bits = "0"] = cidr.split("/");
	const mask = Number(bits) === 0 ? 0 : (-1 << (32 - Number(bits))) >>> 0;
	const same = (numberOf(ip) & mask) >>> 0 === (numberOf(network) & mask) >>> 0;
	return same && !except.some((block) => inBlock(ip, block));
}

function numberOf(ip: string): number {
	return ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

const who = (to: Party, port: number) => [...PODS.keys()].filter((name) => mayReach(pod(name), to, port));

test.each([...STATEFUL_SERVICES])("the database of %s is reached by its own service and the verification", (name) => {
	expect(who(pod(`${name}-db`), 5432)).toEqual([name, "verify"]);
});

test("nodes reach NATS and Redis; its servers reach each other; databases reach nobody", () => {
	const nodes = [...SERVICE_NAMES].sort();
	expect(who(pod("nats"), 4222).sort()).toEqual(nodes);
	expect(who(pod("redis"), 6379).sort()).toEqual(nodes);
	expect(who(pod("nats"), 6222)).toEqual(["nats"]);
	expect(who(pod("nats"), 8222)).toEqual([]);
	const reached = [...PODS.keys()].filter((name) =>
		[4222, 5432, 6379].some((port) => mayReach(pod("orders-db"), pod(name), port)),
	);
	expect(reached).toEqual([]);
});

test("the gateway is reached by the ingress alone, and metrics by the monitoring alone", () => {
	const reachedBy = (namespace: string, port: number) =>
		[...PODS.keys()].filter((name) => mayReach({ namespace }, pod(name), port)).sort();
	expect(reachedBy("ingress-nginx", 8000)).toEqual(["api"]);
	expect(reachedBy("monitoring", 3030)).toEqual([...SERVICE_NAMES].sort());
	for (const port of [3030, 4222, 5432, 6379, 8000]) expect(reachedBy("default", port)).toEqual([]);
	expect(who(pod("api"), 8000)).toEqual([]);
});

test("webhooks and mail go out, to what is public; all else stays inside", () => {
	expect(who(INTERNET, 443).sort()).toEqual(["events", "notifications"]);
	expect(who(INTERNET, 587)).toEqual(["notifications"]);
	expect(who(INTERNET, 80)).toEqual([]);
	for (const ip of ["10.0.0.1", "169.254.169.254", "192.168.1.1", "172.31.0.1", "127.0.0.1"]) {
		expect(who({ ip }, 443)).toEqual([]);
	}
});

test("an installation lets mail go to a relay in its own network as the handbook says, and nothing else", () => {
	const [, text = ""] = /^```yaml\n# outside\.yaml\n([^`]*)```$/m.exec(readText("docs/operations.md")) ?? [];
	const added = parse(text) as NetworkPolicy;
	expect(added).toMatchObject({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" });
	expect(added.metadata?.namespace).toBe(NAMESPACE);
	const relay = { ip: "10.1.2.3" };
	const reach = (name: string, port: number) => mayReach(pod(name), relay, port, [...POLICIES, added]);
	expect([...PODS.keys()].filter((name) => reach(name, 587))).toEqual(["notifications"]);
	expect([...PODS.keys()].filter((name) => reach(name, 443))).toEqual([]);
});

test("spans go from nodes to the namespace of the monitoring, by OTLP alone", () => {
	expect(who({ namespace: "monitoring" }, 4318).sort()).toEqual([...SERVICE_NAMES].sort());
	for (const port of [80, 443, 4317]) expect(who({ namespace: "monitoring" }, port)).toEqual([]);
	expect(who({ namespace: "default" }, 4318)).toEqual([]);
});

test("everybody finds names", () => {
	const nameServer = { namespace: "kube-system", pod: { "k8s-app": "kube-dns" } };
	expect(who(nameServer, 53)).toEqual([...PODS.keys()]);
	expect(who({ namespace: "kube-system" }, 53)).toEqual([]);
});
