import type { ConfigMap, EnvVar } from "kubernetes-types/core/v1.d.ts";
import { metadata } from "./objects.ts";

/** The ConfigMap of what an installation may want otherwise. */
export const SETTINGS = "settings";

/**
 * Pods have addresses of these ranges, so the Ingress controller has; network policies let nobody else speak to the
 * gateway.
 */
const POD_ADDRESSES = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/** Every node gets all of them; an empty one is as good as none. Those that hold a password are no settings. */
const VALUES = {
	CORS_ORIGINS: "",
	DATABASE_POOL_SIZE: "8",
	LOGIN_LIMIT: "60",
	LOG_LEVEL: "info",
	MAIL_FROM: "",
	RATE_LIMIT_ADDRESS: "10000",
	RATE_LIMIT_USER: "10000",
	REGISTRATION_LIMIT: "20",
	TRACING_SAMPLE: "1",
	TRACING_URL: "",
	TRUSTED_PROXIES: POD_ADDRESSES.join(","),
};

/** The settings as they are unless an installation puts its own over them: see `docs/operations.md`. */
export function settingsManifest(): ConfigMap {
	return { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(SETTINGS, "node"), data: VALUES };
}

/** The mail server's URL with its password, from a Secret that an installation makes if it has one. */
export function smtpEnv(): EnvVar {
	return { name: "SMTP_URL", valueFrom: { secretKeyRef: { name: "smtp", key: "url", optional: true } } };
}
