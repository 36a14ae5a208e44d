import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { Container, PodSpec } from "kubernetes-types/core/v1.d.ts";
import { parseAllDocuments } from "yaml";
import type { Manifest } from "../../deploy/kubernetes/objects.ts";
import { readText } from "./files.ts";

type Labels = Readonly<Record<string, string>>;

/** What runs pods. */
export type Workload = Deployment | StatefulSet;

/** All that is in `k8s.yaml`. */
export const MANIFESTS = parseAllDocuments(readText("k8s.yaml")).map((document) => document.toJS() as Manifest);

/** What of it runs pods. */
export const WORKLOADS = MANIFESTS.filter(
	(manifest): manifest is Workload => manifest.kind === "Deployment" || manifest.kind === "StatefulSet",
);

/** The one manifest of a kind and name; throws when there is none. */
export function named<Kind extends Manifest["kind"]>(kind: Kind, name: string): Extract<Manifest, { kind?: Kind }> {
	const found = all(kind).find(({ metadata }) => metadata?.name === name);
	if (!found) throw new Error(`k8s.yaml has no ${kind} ${name}`);
	return found;
}

/** All manifests of a kind. */
export function all<Kind extends Manifest["kind"]>(kind: Kind): readonly Extract<Manifest, { kind?: Kind }>[] {
	return MANIFESTS.filter((manifest) => manifest.kind === kind) as Extract<Manifest, { kind?: Kind }>[];
}

/** What the pods of a workload are made of. */
export function podOf(workload: Workload): PodSpec {
	return workload.spec?.template.spec ?? { containers: [] };
}

/** The labels of the pods of a workload. */
export function labelsOf(workload: Workload): Labels {
	return workload.spec?.template.metadata?.labels ?? {};
}

/** Whether something with these labels is selected. */
export function matches(labels: Labels, selector: Labels = {}): boolean {
	return Object.entries(selector).every(([label, value]) => labels[label] === value);
}

/** The containers of a workload, those that run first among them. */
export function containersOf(workload: Workload): readonly Container[] {
	return [...(podOf(workload).initContainers ?? []), ...podOf(workload).containers];
}

/** The container that runs a service. */
export function serviceContainer(name: string): Container {
	return podOf(named("Deployment", name)).containers[0] as Container;
}
