import { isIPv6 } from "node:net";
import path from "node:path";
import { isAddressRange } from "./address-ranges.ts";
import { type ArmedFailpoint, FAILPOINTS } from "./failpoint.ts";
import { databaseVariable, isStateful, SERVICE_NAMES, type ServiceName, STATEFUL_SERVICES } from "./topology.ts";

const MAX_RATE_LIMIT = 1_000_000;
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
const LOG_FORMATS = ["text", "json"] as const;

/** A URL, or what somebody took for one, that has nothing but a host, with a port and a path at most. */
const HOST = /^([a-z][a-z\d+.-]*:\/\/)?([\w.-]+|\[[\da-f:.]+\])(:\d+)?(\/[\w/.-]*)?$/i;

/** JetStream keeps no more. */
const MAX_REPLICAS = 5;

/** What the process was told by its environment, checked. */
export interface Env {
	/** PORT: where the gateway listens; 0 takes a free port. */
	readonly port: number;
	/** HOST: the address the gateway listens on. */
	readonly host: string;
	/** DATA_DIR: where the embedded mode keeps its data, absolute. */
	readonly dataDir: string;
	/** TRANSPORTER: the NATS servers that join the nodes, or null for a process on its own. */
	readonly transporter: string | null;
	/** JETSTREAM_REPLICAS: how many servers of NATS keep each event until it is handled. */
	readonly jetStreamReplicas: number;
	/** REDIS_URL: the Redis that nodes share what they remember by, or null for each node's own memory. */
	readonly redisUrl: string | null;
	/** NAMESPACE: nodes and events of different namespaces do not see each other. */
	readonly namespace: string;
	/** NODE_ID: the node's name in the cluster, or null for one made of host name and process id. */
	readonly nodeId: string | null;
	/** SERVICES: what this process runs; all unless told. */
	readonly services: readonly ServiceName[];
	/** LOG_LEVEL: `info` on a node of a cluster; alone `warn`, so that the terminal stays readable. */
	readonly logLevel: (typeof LOG_LEVELS)[number];
	/** LOG_FORMAT: `text` for people, `json` for collectors; by default text on a terminal. */
	readonly logFormat: (typeof LOG_FORMATS)[number];
	/** DATABASE_POOL_SIZE: connections per service. */
	readonly databasePoolSize: number;
	/** METRICS_PORT: where the node shows its metrics to Prometheus, on HOST; null for nowhere. */
	readonly metricsPort: number | null;
	/** TRACING_URL: the collector that takes spans by OTLP over HTTP, or null for none. */
	readonly tracingUrl: string | null;
	/** TRACING_SAMPLE: the share of requests that are traced. */
	readonly tracingSample: number;
	/** CORS_ORIGINS: the exact origins whose pages may call the gateway. */
	readonly corsOrigins: readonly string[];
	/** TRUSTED_PROXIES: the addresses and ranges whose `X-Forwarded-For` says where a request comes from. */
	readonly trustedProxies: readonly string[];
	/** RATE_LIMIT_USER: requests of a user, or of one API key, in 10 s. */
	readonly userRateLimit: number;
	/** RATE_LIMIT_ADDRESS: requests from an address in 10 s that show no valid credential. */
	readonly addressRateLimit: number;
	/** LOGIN_LIMIT: tries to log in to one account from one address in 15 minutes, unless one is right. */
	readonly loginLimit: number;
	/** REGISTRATION_LIMIT: tries to register from one address in 15 minutes. */
	readonly registrationLimit: number;
	/** WEBHOOK_PRIVATE_HOSTS: hosts, as `URL` writes them, that webhooks may go to although private, also without TLS. */
	readonly webhookPrivateHosts: readonly string[];
	/** SMTP_URL: the server that mail is sent by, or null for mail into files under `dataDir`. */
	readonly smtpUrl: string | null;
	/** MAIL_FROM: the address that mail comes from. */
	readonly mailFrom: string;
	/** FAILPOINT: where the process kills itself, for tests; never where NODE_ENV is `production`. */
	readonly failpoint: ArmedFailpoint | null;
	/** ORDERS_DATABASE_URL and its like; throws when the variable is missing or wrong. */
	databaseUrl(service: string): string;
}

/** The environment, read and checked anew at each call; throws a one-line error that names the first wrong variable. */
export function env(source: NodeJS.ProcessEnv = process.env): Env {
	const text = (name: string, fallback: string) => source[name]?.trim() || fallback;
	const servers = transporter(text("TRANSPORTER", ""));
	return {
		port: integer("PORT", text("PORT", "8000"), 0, 65_535),
		host: text("HOST", "127.0.0.1"),
		dataDir: path.resolve(text("DATA_DIR", ".data")),
		transporter: servers,
		jetStreamReplicas: integer("JETSTREAM_REPLICAS", text("JETSTREAM_REPLICAS", "1"), 1, MAX_REPLICAS),
		redisUrl: text("REDIS_URL", "") ? redisUrl(text("REDIS_URL", "")) : null,
		namespace: identifier("NAMESPACE", text("NAMESPACE", "agt")),
		nodeId: text("NODE_ID", "") ? identifier("NODE_ID", text("NODE_ID", "")) : null,
		services: services(text("SERVICES", "")),
		logLevel: oneOf("LOG_LEVEL", text("LOG_LEVEL", servers ? "info" : "warn"), LOG_LEVELS),
		logFormat: oneOf("LOG_FORMAT", text("LOG_FORMAT", process.stdout.isTTY ? "text" : "json"), LOG_FORMATS),
		databasePoolSize: integer("DATABASE_POOL_SIZE", text("DATABASE_POOL_SIZE", "8"), 2, 100),
		metricsPort: text("METRICS_PORT", "") ? integer("METRICS_PORT", text("METRICS_PORT", ""), 1, 65_535) : null,
		tracingUrl: text("TRACING_URL", "") ? tracingUrl(text("TRACING_URL", "")) : null,
		tracingSample: share("TRACING_SAMPLE", text("TRACING_SAMPLE", "1")),
		corsOrigins: list(text("CORS_ORIGINS", "")).map((origin) => corsOrigin(origin)),
		trustedProxies: list(text("TRUSTED_PROXIES", "")).map((range) => addressRange(range)),
		userRateLimit: integer("RATE_LIMIT_USER", text("RATE_LIMIT_USER", "10000"), 1, MAX_RATE_LIMIT),
		addressRateLimit: integer("RATE_LIMIT_ADDRESS", text("RATE_LIMIT_ADDRESS", "10000"), 1, MAX_RATE_LIMIT),
		loginLimit: integer("LOGIN_LIMIT", text("LOGIN_LIMIT", "60"), 1, MAX_RATE_LIMIT),
		registrationLimit: integer("REGISTRATION_LIMIT", text("REGISTRATION_LIMIT", "20"), 1, MAX_RATE_LIMIT),
		webhookPrivateHosts: list(text("WEBHOOK_PRIVATE_HOSTS", "")).map((host) => hostName(host)),
		smtpUrl: text("SMTP_URL", "") ? smtpUrl(text("SMTP_URL", "")) : null,
		mailFrom: mailFrom(text("MAIL_FROM", text("SMTP_URL", "") ? "" : "notifications@localhost")),
		failpoint: failpoint(text("FAILPOINT", ""), text("NODE_ENV", "")),
		databaseUrl: (service) => databaseUrl(service, source),
	};
}

/** The database URLs that the environment does give, by service. */
export function givenDatabaseUrls(source: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
	const given = STATEFUL_SERVICES.filter((service) => source[databaseVariable(service)]?.trim());
	return Object.fromEntries(given.map((service) => [service, databaseUrl(service, source)]));
}

/** Makes `urls` (by service) what `databaseUrl` gives in this process and in those that it starts. */
export function setDatabaseUrls(urls: Readonly<Record<string, string>>): void {
	for (const service of STATEFUL_SERVICES) {
		const url = urls[service];
		if (url) process.env[databaseVariable(service)] = url;
	}
}

/** This process's environment with `values`, for a process that it starts. */
export function environmentWith(values: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
	return { ...process.env, ...values };
}

/** The folders in which programs are looked for. */
export function searchPath(): readonly string[] {
	return (process.env["PATH"] ?? "").split(path.delimiter).filter(Boolean);
}

/** Lets the gateway of this process take any free port: for an instance that only its own process talks to. */
export function takeAnyPort(): void {
	process.env["PORT"] = "0";
}

/** Whether `error` is about a wrong setting: its message says all, its stack nothing. */
export function isSettingError(error: unknown): error is Error {
	return error instanceof Error && error.name === "SettingError";
}

/** An error about a wrong setting: a line that says all. */
export function settingError(message: string): Error {
	const error = new Error(message);
	error.name = "SettingError";
	return error;
}

function wrong(name: string, value: string, allowed: string): Error {
	return settingError(`${name}=${JSON.stringify(value)} is wrong: it must be ${allowed}`);
}

function integer(name: string, value: string, min: number, max: number): number {
	const parsed = Number(value);
	if (!/^\d+$/.test(value) || parsed < min || parsed > max) {
		throw wrong(name, value, `a whole number from ${min} to ${max}`);
	}
	return parsed;
}

function share(name: string, value: string): number {
	if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(value)) throw wrong(name, value, "a number from 0 to 1, such as 0.05");
	return Number(value);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
	const found = allowed.find((item) => item === value);
	if (!found) throw wrong(name, value, `one of ${allowed.join(", ")}`);
	return found;
}

/** Names end up in NATS subjects, where a dot, a space or a wildcard would mean something else. */
function identifier(name: string, value: string): string {
	if (!/^[\w-]{1,64}$/.test(value)) throw wrong(name, value, "1 to 64 letters, digits, _ or -");
	return value;
}

function list(value: string): string[] {
	return value
		.split(",")
		.map((item) => item.trim())
		.filter(Boolean);
}

function services(value: string): readonly ServiceName[] {
	if (!value) return SERVICE_NAMES;
	return [...new Set(list(value))].map((item) => {
		const known = SERVICE_NAMES.find((name) => name === item);
		if (!known) throw wrong("SERVICES", item, `a comma list of ${SERVICE_NAMES.join(", ")}`);
		return known;
	});
}

function transporter(value: string): string | null {
	if (!value) return null;
	for (const server of value.split(",")) {
		const url = URL.parse(server.trim());
		// The value is not shown whole: it may hold a password.
		if (!url?.hostname || !["nats:", "tls:"].includes(url.protocol)) {
			throw wrong("TRANSPORTER", withoutPassword(server), "nats://host:port (more than one by commas), or empty");
		}
	}
	return value;
}

function redisUrl(value: string): string {
	const url = URL.parse(value);
	if (!url?.hostname || !["redis:", "rediss:"].includes(url.protocol)) {
		throw wrong("REDIS_URL", withoutPassword(value), "redis://:password@host:port or rediss://..., or empty");
	}
	return value;
}

function corsOrigin(value: string): string {
	if (URL.parse(value)?.origin !== value || value === "null") {
		throw wrong("CORS_ORIGINS", value, "a comma list of origins such as https://app.example.com");
	}
	return value;
}

function addressRange(value: string): string {
	if (!isAddressRange(value)) throw wrong("TRUSTED_PROXIES", value, "a comma list of addresses or ranges (10.0.0.0/8)");
	return value;
}

/** A collector's address without a path gets the usual one. */
function tracingUrl(value: string): string {
	const url = URL.parse(value);
	if (!url?.hostname || !["http:", "https:"].includes(url.protocol))
		throw wrong("TRACING_URL", withoutPassword(value), "http://host:port or https://..., a collector that takes OTLP");
	return url.pathname === "/" ? new URL("/v1/traces", url).href : url.href;
}

function hostName(value: string): string {
	const host = isIPv6(value) ? `[${value}]` : value;
	const url = isIPv6(value) || /^[\w.-]+$/.test(value) ? URL.parse(`https://${host}`) : null;
	if (!url) throw wrong("WEBHOOK_PRIVATE_HOSTS", value, "a comma list of host names or addresses, without ports");
	return url.hostname;
}

function smtpUrl(value: string): string {
	const url = URL.parse(value);
	if (!url?.hostname || !["smtp:", "smtps:"].includes(url.protocol)) {
		throw wrong("SMTP_URL", withoutPassword(value), "smtp://user:password@host:port or smtps://...");
	}
	return value;
}

function mailFrom(value: string): string {
	if (!/^[\w.+-]+@[\w.-]+$/.test(value)) throw wrong("MAIL_FROM", value, "an address such as notices@example.com");
	return value;
}

function failpoint(value: string, nodeEnv: string): ArmedFailpoint | null {
	if (!value) return null;
	if (nodeEnv === "production") throw wrong("FAILPOINT", value, "unset where NODE_ENV=production");
	const [, given, passing] = /^([\w.]+):([1-9]\d{0,5})$/.exec(value) ?? [];
	const name = FAILPOINTS.find((known) => known === given);
	if (!name) throw wrong("FAILPOINT", value, `name:n, with n from 1 and a name of ${FAILPOINTS.join(", ")}`);
	return { name, passing: Number(passing) };
}

function databaseUrl(service: string, source: NodeJS.ProcessEnv): string {
	if (!isStateful(service)) throw new Error(`${service} has no database: see STATEFUL_SERVICES in lib/topology.ts`);
	const variable = databaseVariable(service);
	const value = source[variable]?.trim() ?? "";
	const url = URL.parse(value);
	if (!url || !["postgres:", "postgresql:"].includes(url.protocol) || url.pathname.length < 2) {
		throw wrong(variable, withoutPassword(value), "postgres://user:password@host:port/database");
	}
	return value;
}

/** A wrong URL as it may be shown. Where its password begins and ends is not known, so only a host is. */
function withoutPassword(url: string): string {
	if (HOST.test(url)) return url;
	const [scheme = ""] = /^[a-z][a-z\d+.-]*:\/\//i.exec(url) ?? [];
	const rest = url.slice(url.lastIndexOf("@") + 1);
	return rest !== url && HOST.test(rest) ? `${scheme}***@${rest}` : `${scheme}***`;
}
