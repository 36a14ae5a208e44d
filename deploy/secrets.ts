import { STATEFUL_SERVICES, type StatefulService } from "../lib/topology.ts";

/** A secret as the variable of `.env` is called that compose takes it from. */
export type SecretName =
	| `${Uppercase<StatefulService>}_DB_PASSWORD`
	| "AUDIT_SERVICE_PASSWORD"
	| "NATS_PASSWORD"
	| "NATS_ROUTE_PASSWORD"
	| "REDIS_PASSWORD"
	| "GRAFANA_PASSWORD";

/** Where Kubernetes keeps a secret: each in an object that only those name who need it. */
interface SecretPlace {
	readonly object: string;
	readonly key: string;
}

/** The password of the user who owns a service's database. */
export function databaseSecret(service: StatefulService): SecretName {
	return `${service.toUpperCase() as Uppercase<StatefulService>}_DB_PASSWORD`;
}

const DATABASE_SECRETS = STATEFUL_SERVICES.map(databaseSecret);

/** What compose needs. */
export const COMPOSE_SECRETS: readonly SecretName[] = [
	...DATABASE_SECRETS,
	"AUDIT_SERVICE_PASSWORD",
	"NATS_PASSWORD",
	"REDIS_PASSWORD",
	"GRAFANA_PASSWORD",
];

/** What Kubernetes needs: NATS servers know each other by a password of their own, and Grafana is somebody else's. */
export const KUBERNETES_SECRETS: readonly SecretName[] = [
	...DATABASE_SECRETS,
	"AUDIT_SERVICE_PASSWORD",
	"NATS_PASSWORD",
	"NATS_ROUTE_PASSWORD",
	"REDIS_PASSWORD",
];

/** The Secret and the key in it, e.g. `orders-db` and `password`. */
export function secretOf(name: SecretName): SecretPlace {
	if (name === "NATS_ROUTE_PASSWORD") return { object: "nats-route", key: "password" };
	return {
		object: name
			.replace(/_PASSWORD$/, "")
			.replaceAll("_", "-")
			.toLowerCase(),
		key: "password",
	};
}
