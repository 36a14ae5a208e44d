import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2.d.ts";
import type { Container, EnvVar, Probe } from "kubernetes-types/core/v1.d.ts";
import { databaseName, databaseVariable, isStateful, type StatefulService } from "../../lib/topology.ts";
import { databaseSecret, type SecretName } from "../secrets.ts";
import { NATS_SERVERS, natsServers } from "./nats.ts";
import type { NodeShape } from "./nodes.ts";
import {
	disruptionBudget,
	fromSecret,
	HARDENED,
	type Manifest,
	metadata,
	NO_KUBERNETES,
	patiently,
	podsOf,
	resources,
	runAs,
	spread,
} from "./objects.ts";
import { redisEnv } from "./redis.ts";
import { SETTINGS, smtpEnv } from "./settings.ts";

/** What an installation replaces by its registry's: see `docs/operations.md`. */
export const IMAGE = "autogrowthtrading:0.1.0";

/** The image's user. */
export const USER_ID = 1000;

export const GATEWAY_PORT = 8000;
export const METRICS_PORT = 3030;

/**
 * Until everybody has heard that the gateway's address is no more: Kubernetes tells them beside the signal. The notice
 * that a stopping gateway gives by itself is too short for the readiness probe.
 */
const PRE_STOP_S = 5;

/** Longer than a gateway takes to tell that it goes and to end what it has taken, and the wait before. */
const TERMINATION_GRACE_S = 45;

const MEASURED_CPU_PERCENT = 70;

/** The Deployment of a service and what belongs to it. */
export function nodeManifests(name: string, shape: NodeShape): Manifest[] {
	return [
		deployment(name, shape),
		...(shape.replicas > 1 ? [disruptionBudget(name, "node")] : []),
		...(shape.maxReplicas > shape.replicas ? [autoscaler(name, shape)] : []),
	];
}

function deployment(name: string, shape: NodeShape): Deployment {
	const isGateway = name === "api";
	const { namespace: _, ...podMetadata } = metadata(name, "node");
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: metadata(name, "node"),
		spec: {
			// Where there is an autoscaler the number is its own.
			...(shape.maxReplicas === shape.replicas && { replicas: shape.replicas }),
			revisionHistoryLimit: 3,
			// First the new one, then the old one goes.
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
			selector: podsOf(name),
			template: {
				metadata: podMetadata,
				spec: {
					...NO_KUBERNETES,
					securityContext: runAs(USER_ID),
					terminationGracePeriodSeconds: TERMINATION_GRACE_S,
					...spread(name),
					// Not a Job: a node must not start on a database that lacks a migration, whoever restarts it and when. Two
					// at once wait for each other by an advisory lock.
					...(isStateful(name) && { initContainers: [migration(name)] }),
					containers: [
						{
							name: "node",
							image: IMAGE,
							env: [
								...nodeEnv(name),
								...(isStateful(name) ? databaseEnv(name, loginOf(name)) : []),
								...(shape.outside?.includes("smtp") ? [smtpEnv()] : []),
							],
							envFrom: [{ configMapRef: { name: SETTINGS } }],
							ports: [
								...(isGateway ? [{ name: "http", containerPort: GATEWAY_PORT }] : []),
								{ name: "metrics", containerPort: METRICS_PORT },
							],
							...(isGateway ? GATEWAY_PROBES : NODE_PROBES),
							// Only the gateway is spoken to by who may not have heard yet: nodes tell each other that they leave.
							...(isGateway && { lifecycle: { preStop: { sleep: { seconds: PRE_STOP_S } } } }),
							resources: resources(shape.cpu, shape.memory, "2"),
							securityContext: HARDENED,
							volumeMounts: [{ name: "data", mountPath: "/data" }],
						},
					],
					// Mail that no server takes. It goes with the pod.
					volumes: [{ name: "data", emptyDir: { sizeLimit: "64Mi" } }],
				},
			},
		},
	};
}

const asked = (path: "/live" | "/started"): Probe => ({ httpGet: { path, port: "metrics" }, timeoutSeconds: 5 });

/**
 * The port answers before the node has started. Then `/live` does while the process is alive, whatever it waits for:
 * nobody who works is ended because NATS or a database is away.
 */
const NODE_PROBES: Pick<Container, "startupProbe" | "livenessProbe" | "readinessProbe"> = {
	startupProbe: { ...asked("/started"), ...patiently(3) },
	livenessProbe: { ...asked("/live"), periodSeconds: 10, failureThreshold: 6 },
	readinessProbe: { ...asked("/started"), periodSeconds: 5, failureThreshold: 3 },
};

const GATEWAY_PROBES: typeof NODE_PROBES = {
	startupProbe: { httpGet: { path: "/health/live", port: "http" }, ...patiently(2) },
	livenessProbe: { httpGet: { path: "/health/live", port: "http" }, periodSeconds: 10, timeoutSeconds: 5 },
	readinessProbe: { httpGet: { path: "/health/ready", port: "http" }, periodSeconds: 3, timeoutSeconds: 3 },
};

function nodeEnv(name: string): EnvVar[] {
	return [
		// A pod that restarts its container keeps its name, and with it the markets that it wrote.
		{ name: "NODE_ID", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
		{ name: "SERVICES", value: name },
		fromSecret("NATS_PASSWORD", "NATS_PASSWORD"),
		{ name: "TRANSPORTER", value: natsServers("agt:$(NATS_PASSWORD)") },
		{ name: "JETSTREAM_REPLICAS", value: String(NATS_SERVERS) },
		...redisEnv(),
	];
}

interface Login {
	readonly user: string;
	readonly password: SecretName;
}

/** Whom the nodes of a service log in as: of the audit, one who may only add to it. */
export function loginOf(service: StatefulService): Login {
	return service === "audit"
		? { user: "audit_service", password: "AUDIT_SERVICE_PASSWORD" }
		: { user: service, password: databaseSecret(service) };
}

/** The variable with the URL of a service's database, after the one with the password in it. */
export function databaseEnv(service: StatefulService, { user, password }: Login): EnvVar[] {
	const url = `postgres://${user}:$(${password})@${service}-db:5432/${databaseName(service)}`;
	return [fromSecret(password, password), { name: databaseVariable(service), value: url }];
}

function migration(service: StatefulService): Container {
	const owner = { user: service, password: databaseSecret(service) };
	return {
		name: "migrate",
		image: IMAGE,
		command: ["node", "cli/migrate.ts"],
		env: [{ name: "SERVICES", value: service }, ...databaseEnv(service, owner)],
		resources: resources("50m", "256Mi", "1"),
		securityContext: HARDENED,
	};
}

function autoscaler(name: string, { replicas, maxReplicas }: NodeShape): HorizontalPodAutoscaler {
	return {
		apiVersion: "autoscaling/v2",
		kind: "HorizontalPodAutoscaler",
		metadata: metadata(name, "node"),
		spec: {
			scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
			minReplicas: replicas,
			maxReplicas,
			metrics: [
				{
					type: "Resource",
					resource: { name: "cpu", target: { type: "Utilization", averageUtilization: MEASURED_CPU_PERCENT } },
				},
			],
			// A burst of orders is over before a node has gone and come back.
			behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
		},
	};
}
