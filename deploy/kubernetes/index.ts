import { stringify } from "yaml";
import { databaseManifests } from "./databases.ts";
import { gatewayManifests } from "./gateway.ts";
import { natsManifests } from "./nats.ts";
import { networkManifests } from "./network.ts";
import { nodeManifests } from "./node.ts";
import { NODES } from "./nodes.ts";
import { type Manifest, NAMESPACE } from "./objects.ts";
import { redisManifests } from "./redis.ts";
import { settingsManifest } from "./settings.ts";
import { verification } from "./verification.ts";

const HEAD = `# The cluster on Kubernetes (1.30 or later), made by "npm run generate" from deploy/kubernetes/.
# It holds no Secrets: pods wait until "npm run secrets" has made them. See docs/operations.md.
`;

/** All that the cluster is on Kubernetes, in the order in which it is best made. */
export function manifests(): Manifest[] {
	return [
		{
			apiVersion: "v1",
			kind: "Namespace",
			// Nothing is let in that asks for more than an ordinary user has.
			metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
		},
		settingsManifest(),
		...networkManifests(),
		...natsManifests(),
		...redisManifests(),
		...databaseManifests(),
		...Object.entries(NODES).flatMap(([name, shape]) => nodeManifests(name, shape)),
		...gatewayManifests(),
		verification(),
	];
}

/** The text of `k8s.yaml`. */
export function kubernetesYaml(): string {
	// Without aliases: objects that are shared here are each their own there.
	const documents = manifests().map((manifest) => stringify(manifest, { aliasDuplicateObjects: false, lineWidth: 0 }));
	return HEAD + documents.map((document) => `---\n${document}`).join("");
}
