import { readFileSync } from "node:fs";
import path from "node:path";
import type { StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { ConfigMap, Container } from "kubernetes-types/core/v1.d.ts";
import { STATEFUL_SERVICES, type StatefulService } from "../../lib/topology.ts";
import { databaseSecret } from "../secrets.ts";
import {
	fromSecret,
	HARDENED,
	headless,
	type Manifest,
	metadata,
	NO_KUBERNETES,
	patiently,
	podsOf,
	resources,
	runAs,
} from "./objects.ts";

const IMAGE = "postgres:18.4";

/** The image's user `postgres`. */
const USER_ID = 999;

/** For all nodes that there may be, their successors while they are replaced, migrations and who looks. */
export const MAX_CONNECTIONS = 100;

export const POSTGRES_PORT = 5432;

/** A fast shutdown, with its checkpoint. */
const TERMINATION_GRACE_S = 120;

/** What is written all day, and kept. */
const LARGE: ReadonlySet<StatefulService> = new Set(["audit", "events", "orders", "trading"]);

const INIT_SCRIPT = readFileSync(path.join(import.meta.dirname, "../postgres/init.sh"), "utf8");
const INIT = "database-init";

/** A PostgreSQL server for each service that keeps anything. */
export function databaseManifests(): Manifest[] {
	const init: ConfigMap = {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: metadata(INIT, "database"),
		data: { "init.sh": INIT_SCRIPT },
	};
	const servers = STATEFUL_SERVICES.flatMap((service) => [
		headless(`${service}-db`, "database", [{ name: "postgres", port: POSTGRES_PORT }]),
		server(service),
	]);
	return [init, ...servers];
}

function server(service: StatefulService): StatefulSet {
	const name = `${service}-db`;
	const { namespace: _, ...podMetadata } = metadata(name, "database");
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: metadata(name, "database"),
		spec: {
			serviceName: name,
			replicas: 1,
			selector: podsOf(name),
			template: {
				metadata: podMetadata,
				spec: {
					...NO_KUBERNETES,
					securityContext: runAs(USER_ID),
					terminationGracePeriodSeconds: TERMINATION_GRACE_S,
					containers: [container(service)],
					volumes: [
						{ name: "run", emptyDir: {} },
						{ name: "tmp", emptyDir: {} },
						// Without it there are 64 MB, too few for parallel queries.
						{ name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "256Mi" } },
						// The image runs what it may execute, and takes the rest in as its own text.
						{ name: "init", configMap: { name: INIT, defaultMode: 0o555 } },
					],
				},
			},
			volumeClaimTemplates: [
				{
					metadata: { name: "data" },
					spec: {
						accessModes: ["ReadWriteOnce"],
						resources: { requests: { storage: LARGE.has(service) ? "50Gi" : "10Gi" } },
					},
				},
			],
		},
	};
}

function container(service: StatefulService): Container {
	// By TCP: while it makes the database, the server is only at its socket.
	const accepts = { exec: { command: ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"] }, timeoutSeconds: 5 };
	return {
		name: "postgres",
		image: IMAGE,
		args: ["-c", `max_connections=${MAX_CONNECTIONS}`, "-c", "shared_buffers=256MB"],
		env: [
			{ name: "SERVICE", value: service },
			fromSecret("POSTGRES_PASSWORD", databaseSecret(service)),
			...(service === "audit" ? [fromSecret("AUDIT_SERVICE_PASSWORD", "AUDIT_SERVICE_PASSWORD")] : []),
		],
		ports: [{ name: "postgres", containerPort: POSTGRES_PORT }],
		startupProbe: { ...accepts, ...patiently(5) },
		livenessProbe: { ...accepts, periodSeconds: 15, failureThreshold: 6 },
		readinessProbe: { ...accepts, periodSeconds: 5 },
		resources: resources("250m", "1Gi", "2"),
		securityContext: HARDENED,
		volumeMounts: [
			{ name: "data", mountPath: "/var/lib/postgresql" },
			{ name: "run", mountPath: "/var/run/postgresql" },
			{ name: "tmp", mountPath: "/tmp" },
			{ name: "shared-memory", mountPath: "/dev/shm" },
			{ name: "init", mountPath: "/docker-entrypoint-initdb.d", readOnly: true },
		],
	};
}
