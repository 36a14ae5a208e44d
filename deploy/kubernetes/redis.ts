import type { StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { EnvVar } from "kubernetes-types/core/v1.d.ts";
import {
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

const NAME = "redis";
const IMAGE = "redis:8.2-alpine";

export const REDIS_PORT = 6379;

/** By standard input, so that the password is not seen in the list of processes. */
const START = `exec redis-server - <<EOF
requirepass $REDIS_PASSWORD
save ""
appendonly no
maxmemory 128mb
maxmemory-policy allkeys-lru
EOF
`;

const PING = 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli ping | grep -q PONG';

/** What a node reaches it by, after the variable with the password in it. */
export function redisEnv(): EnvVar[] {
	return [
		fromSecret("REDIS_PASSWORD", "REDIS_PASSWORD"),
		{ name: "REDIS_URL", value: `redis://:$(REDIS_PASSWORD)@${NAME}:${REDIS_PORT}` },
	];
}

/** What nodes share for a while: caches and the counters of rate limits. */
export function redisManifests(): Manifest[] {
	return [headless(NAME, "redis", [{ name: "redis", port: REDIS_PORT }]), server()];
}

/** A StatefulSet though nothing is kept: there are never two, which would each count by themselves. */
function server(): StatefulSet {
	const { namespace: _, ...podMetadata } = metadata(NAME, "redis");
	const answers = { exec: { command: ["sh", "-c", PING] }, timeoutSeconds: 5 };
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: metadata(NAME, "redis"),
		spec: {
			serviceName: NAME,
			replicas: 1,
			selector: podsOf(NAME),
			template: {
				metadata: podMetadata,
				spec: {
					...NO_KUBERNETES,
					securityContext: runAs(999, 1000),
					containers: [
						{
							name: NAME,
							image: IMAGE,
							command: ["sh", "-c", START],
							env: [fromSecret("REDIS_PASSWORD", "REDIS_PASSWORD")],
							ports: [{ name: "redis", containerPort: REDIS_PORT }],
							livenessProbe: { ...answers, periodSeconds: 15 },
							readinessProbe: { ...answers, periodSeconds: 5 },
							resources: resources("50m", "192Mi", "1"),
							securityContext: HARDENED,
							volumeMounts: [
								{ name: "data", mountPath: "/data" },
								{ name: "tmp", mountPath: "/tmp" },
							],
						},
					],
					volumes: [
						{ name: "data", emptyDir: {} },
						{ name: "tmp", emptyDir: {} },
					],
				},
			},
		},
	};
}
