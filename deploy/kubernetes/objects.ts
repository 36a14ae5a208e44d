import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2.d.ts";
import type { CronJob } from "kubernetes-types/batch/v1.d.ts";
import type {
	ConfigMap,
	Container,
	EnvVar,
	Namespace,
	PodSecurityContext,
	PodSpec,
	Probe,
	ResourceRequirements,
	Service,
} from "kubernetes-types/core/v1.d.ts";
import type { LabelSelector, ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import type { Ingress, NetworkPolicy } from "kubernetes-types/networking/v1.d.ts";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1.d.ts";
import { type SecretName, secretOf } from "../secrets.ts";

/** What `k8s.yaml` is made of. */
export type Manifest =
	| ConfigMap
	| CronJob
	| Deployment
	| HorizontalPodAutoscaler
	| Ingress
	| Namespace
	| NetworkPolicy
	| PodDisruptionBudget
	| Service
	| StatefulSet;

export const NAMESPACE = "autogrowthtrading";

/** Where a cluster's Prometheus, and a collector of traces, are looked for. */
export const MONITORING_NAMESPACE = "monitoring";

/** A database reads its log after a crash, which may take long; who waits for one has as much time. */
export const START_PATIENCE_S = 30 * 60;

const NAME_LABEL = "app.kubernetes.io/name";

/** Says what a pod is to network policies: nodes share the backplane. */
const ROLE_LABEL = "autogrowthtrading/role";

export type Role = "node" | "database" | "nats" | "redis" | "operator";

/** The metadata of a thing of the product, with labels that its pods are found by. */
export function metadata(name: string, role: Role): ObjectMeta & { readonly labels: Record<string, string> } {
	return {
		name,
		namespace: NAMESPACE,
		labels: { [NAME_LABEL]: name, "app.kubernetes.io/part-of": NAMESPACE, [ROLE_LABEL]: role },
	};
}

/** The pods of that name. */
export function podsOf(name: string): LabelSelector & { readonly matchLabels: Record<string, string> } {
	return { matchLabels: { [NAME_LABEL]: name } };
}

/** All pods of that role. */
export function podsIn(role: Role): LabelSelector {
	return { matchLabels: { [ROLE_LABEL]: role } };
}

/** An environment variable that a Secret gives. */
export function fromSecret(name: string, secret: SecretName): EnvVar {
	const { object, key } = secretOf(secret);
	return { name, valueFrom: { secretKeyRef: { name: object, key } } };
}

/** The rights of a container: those of an ordinary user, and nothing to write to but its volumes. */
export const HARDENED: NonNullable<Container["securityContext"]> = {
	allowPrivilegeEscalation: false,
	readOnlyRootFilesystem: true,
	capabilities: { drop: ["ALL"] },
};

/** The user of a pod. Its volumes become that user's. */
export function runAs(uid: number, gid: number = uid): PodSecurityContext {
	return {
		runAsNonRoot: true,
		runAsUser: uid,
		runAsGroup: gid,
		fsGroup: gid,
		fsGroupChangePolicy: "OnRootMismatch",
		seccompProfile: { type: "RuntimeDefault" },
	};
}

/** Nobody here talks to Kubernetes, and none needs the addresses of Services in its environment. */
export const NO_KUBERNETES: Pick<PodSpec, "automountServiceAccountToken" | "enableServiceLinks"> = {
	automountServiceAccountToken: false,
	enableServiceLinks: false,
};

/** How often what starts is asked, every `periodS`, until it is ended for not having started. */
export function patiently(periodS: number): Required<Pick<Probe, "periodSeconds" | "failureThreshold">> {
	return { periodSeconds: periodS, failureThreshold: START_PATIENCE_S / periodS };
}

/** What is asked for and, of the memory, what is the most: one that needs more is better ended than swapped. */
export function resources(cpu: string, memory: string, cpuLimit: string): ResourceRequirements {
	return { requests: { cpu, memory }, limits: { cpu: cpuLimit, memory } };
}

/** Pods of one kind on different machines, and in different zones, as far as there are. */
export function spread(name: string): Pick<PodSpec, "topologySpreadConstraints"> {
	const over = (topologyKey: string) => ({
		maxSkew: 1,
		topologyKey,
		whenUnsatisfiable: "ScheduleAnyway",
		labelSelector: podsOf(name),
	});
	return { topologySpreadConstraints: [over("kubernetes.io/hostname"), over("topology.kubernetes.io/zone")] };
}

/** Lets one pod of that name go at a time when machines are emptied. */
export function disruptionBudget(name: string, role: Role): PodDisruptionBudget {
	return {
		apiVersion: "policy/v1",
		kind: "PodDisruptionBudget",
		metadata: metadata(name, role),
		spec: { maxUnavailable: 1, selector: podsOf(name) },
	};
}

/** A Service that only gives the pods names. */
export function headless(name: string, role: Role, ports: readonly { name: string; port: number }[]): Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: metadata(name, role),
		spec: { clusterIP: "None", selector: podsOf(name).matchLabels, ports: [...ports] },
	};
}
