import type { LabelSelector } from "kubernetes-types/meta/v1.d.ts";
import type { NetworkPolicy, NetworkPolicyPort, NetworkPolicySpec } from "kubernetes-types/networking/v1.d.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { POSTGRES_PORT } from "./databases.ts";
import { NATS_PORT, NATS_ROUTES_PORT } from "./nats.ts";
import { GATEWAY_PORT, METRICS_PORT } from "./node.ts";
import { NODES } from "./nodes.ts";
import { MONITORING_NAMESPACE, NAMESPACE, podsIn, podsOf } from "./objects.ts";
import { REDIS_PORT } from "./redis.ts";
import { VERIFICATION } from "./verification.ts";

const INGRESS_NAMESPACE = "ingress-nginx";

/** Where collectors take spans by OTLP over HTTP. */
const OTLP_PORT = 4318;

/** What is not on the internet, and the addresses by which clouds tell machines their secrets. */
const PRIVATE_ADDRESSES = [
	"10.0.0.0/8",
	"100.64.0.0/10",
	"127.0.0.0/8",
	"169.254.0.0/16",
	"172.16.0.0/12",
	"192.168.0.0/16",
];

const OUTSIDE_PORTS: Readonly<Record<"https" | "smtp", readonly number[]>> = { https: [443], smtp: [25, 465, 587] };

/** The cluster's name server. */
const NAME_SERVER = {
	namespaceSelector: namespaceNamed("kube-system"),
	podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
};

/** Who may speak to whom. What is not said here is not possible. */
export function networkManifests(): NetworkPolicy[] {
	return [
		policy("default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
		policy("names", {
			podSelector: {},
			policyTypes: ["Egress"],
			egress: [{ to: [NAME_SERVER], ports: [...tcp(53), { protocol: "UDP", port: 53 }] }],
		}),
		...both("backplane", podsIn("node"), podsIn("nats"), NATS_PORT),
		...both("nats-routes", podsIn("nats"), podsIn("nats"), NATS_ROUTES_PORT),
		...both("redis", podsIn("node"), podsIn("redis"), REDIS_PORT),
		...STATEFUL_SERVICES.flatMap((service) =>
			both(`${service}-db`, podsOf(service), podsOf(`${service}-db`), POSTGRES_PORT),
		),
		...STATEFUL_SERVICES.flatMap((service) =>
			both(`${service}-db-verification`, podsOf(VERIFICATION), podsOf(`${service}-db`), POSTGRES_PORT),
		),
		policy("gateway", {
			podSelector: podsOf("api"),
			policyTypes: ["Ingress"],
			ingress: [{ from: [{ namespaceSelector: namespaceNamed(INGRESS_NAMESPACE) }], ports: tcp(GATEWAY_PORT) }],
		}),
		policy("scrape", {
			podSelector: podsIn("node"),
			policyTypes: ["Ingress"],
			ingress: [{ from: [{ namespaceSelector: namespaceNamed(MONITORING_NAMESPACE) }], ports: tcp(METRICS_PORT) }],
		}),
		// A collector of traces stands where Prometheus does. Without TRACING_URL nobody speaks to it.
		policy("tracing", {
			podSelector: podsIn("node"),
			policyTypes: ["Egress"],
			egress: [{ to: [{ namespaceSelector: namespaceNamed(MONITORING_NAMESPACE) }], ports: tcp(OTLP_PORT) }],
		}),
		...outside(),
	];
}

/** Webhooks and mail, by IPv4: of IPv6 pods themselves may have public addresses. */
function outside(): NetworkPolicy[] {
	return Object.entries(NODES).flatMap(([name, { outside: reached = [] }]) => {
		if (reached.length === 0) return [];
		const ports = tcp(...reached.flatMap((kind) => OUTSIDE_PORTS[kind]));
		const internet = [{ ipBlock: { cidr: "0.0.0.0/0", except: PRIVATE_ADDRESSES } }];
		const egress = [{ to: internet, ports }];
		return [policy(`${name}-outside`, { podSelector: podsOf(name), policyTypes: ["Egress"], egress })];
	});
}

/** Lets `from` speak to `to`: one may send, the other receive. */
function both(name: string, from: LabelSelector, to: LabelSelector, port: number): NetworkPolicy[] {
	return [
		policy(`to-${name}`, {
			podSelector: from,
			policyTypes: ["Egress"],
			egress: [{ to: [{ podSelector: to }], ports: tcp(port) }],
		}),
		policy(`at-${name}`, {
			podSelector: to,
			policyTypes: ["Ingress"],
			ingress: [{ from: [{ podSelector: from }], ports: tcp(port) }],
		}),
	];
}

function policy(name: string, spec: NetworkPolicySpec): NetworkPolicy {
	return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: NAMESPACE }, spec };
}

function tcp(...ports: number[]): NetworkPolicyPort[] {
	return ports.map((port) => ({ protocol: "TCP", port }));
}

function namespaceNamed(name: string): LabelSelector {
	return { matchLabels: { "kubernetes.io/metadata.name": name } };
}
