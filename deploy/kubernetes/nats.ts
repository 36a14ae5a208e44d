import { readFileSync } from "node:fs";
import path from "node:path";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import {
	disruptionBudget,
	fromSecret,
	HARDENED,
	headless,
	type Manifest,
	metadata,
	NO_KUBERNETES,
	podsOf,
	resources,
	runAs,
} from "./objects.ts";

const NAME = "nats";
const IMAGE = "nats:2.11-alpine";

/** JetStream stays writable while one is away. */
export const NATS_SERVERS = 3;

/** The image's configuration, the one that compose uses. */
const CONFIGURATION = readFileSync(path.join(import.meta.dirname, "../nats/nats.conf"), "utf8");

/** Lame duck mode takes 30 s to send all clients elsewhere. */
const TERMINATION_GRACE_S = 60;

const PID_FILE = "/data/nats.pid";

export const NATS_PORT = 4222;
export const NATS_ROUTES_PORT = 6222;

/** The URLs of all servers, by commas; `user` is a name and a password. */
export function natsServers(user: string, port = NATS_PORT): string {
	const hosts = Array.from({ length: NATS_SERVERS }, (_, i) => `${NAME}-${i}.${NAME}`);
	return hosts.map((host) => `nats://${user}@${host}:${port}`).join(",");
}

/** Three servers that keep JetStream together. */
export function natsManifests(): Manifest[] {
	const configuration: ConfigMap = {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: metadata(NAME, "nats"),
		data: { "nats.conf": CONFIGURATION },
	};
	const names = headless(NAME, "nats", [
		{ name: "client", port: NATS_PORT },
		{ name: "routes", port: NATS_ROUTES_PORT },
	]);
	// Servers look for each other before they are ready.
	names.spec = { ...names.spec, publishNotReadyAddresses: true };
	return [configuration, names, servers(), disruptionBudget(NAME, "nats")];
}

function servers(): Manifest {
	const { namespace: _, ...podMetadata } = metadata(NAME, "nats");
	const healthz = (query: string) => ({ httpGet: { path: `/healthz${query}`, port: "monitor" }, timeoutSeconds: 5 });
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: metadata(NAME, "nats"),
		spec: {
			serviceName: NAME,
			replicas: NATS_SERVERS,
			podManagementPolicy: "Parallel",
			selector: podsOf(NAME),
			template: {
				metadata: podMetadata,
				spec: {
					...NO_KUBERNETES,
					securityContext: runAs(1000),
					terminationGracePeriodSeconds: TERMINATION_GRACE_S,
					// Two on one machine would fall together, and with them the majority.
					affinity: {
						podAntiAffinity: {
							requiredDuringSchedulingIgnoredDuringExecution: [
								{ topologyKey: "kubernetes.io/hostname", labelSelector: podsOf(NAME) },
							],
						},
					},
					containers: [
						{
							name: NAME,
							image: IMAGE,
							args: serverArguments(),
							env: [
								{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
								fromSecret("NATS_PASSWORD", "NATS_PASSWORD"),
								fromSecret("NATS_ROUTE_PASSWORD", "NATS_ROUTE_PASSWORD"),
							],
							ports: [
								{ name: "client", containerPort: NATS_PORT },
								{ name: "routes", containerPort: NATS_ROUTES_PORT },
								{ name: "monitor", containerPort: 8222 },
							],
							startupProbe: { ...healthz(""), periodSeconds: 5, failureThreshold: 90 },
							livenessProbe: { ...healthz("?js-enabled-only=true"), periodSeconds: 30 },
							readinessProbe: { ...healthz("?js-server-only=true"), periodSeconds: 10 },
							lifecycle: { preStop: { exec: { command: ["nats-server", "--signal", `ldm=${PID_FILE}`] } } },
							resources: resources("250m", "512Mi", "2"),
							securityContext: HARDENED,
							volumeMounts: [
								{ name: "data", mountPath: "/data" },
								{ name: "configuration", mountPath: "/etc/nats", readOnly: true },
							],
						},
					],
					volumes: [{ name: "configuration", configMap: { name: NAME } }],
				},
			},
			volumeClaimTemplates: [
				{
					metadata: { name: "data" },
					spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
				},
			],
		},
	};
}

/** Passwords within URLs are not replaced in NATS's configuration, but are here. */
function serverArguments(): string[] {
	const route = "route:$(NATS_ROUTE_PASSWORD)";
	return [
		"--config=/etc/nats/nats.conf",
		`--pid=${PID_FILE}`,
		"--name=$(POD_NAME)",
		"--cluster_name=autogrowthtrading",
		`--cluster=nats://${route}@0.0.0.0:${NATS_ROUTES_PORT}`,
		`--routes=${natsServers(route, NATS_ROUTES_PORT)}`,
	];
}
