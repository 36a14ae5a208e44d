import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Env } from "../../lib/env.ts";
import { databaseVariable, type ServiceName, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { DENIALS_DRAIN_MS, DRAIN_GRACE_MS, STOP_NOTICE_MS } from "../../services/api/limits.ts";

const ROOT = path.join(import.meta.dirname, "../..");

/** The text of a file, by its path from the top of the repository. */
export function readText(file: string): string {
	return readFileSync(path.join(ROOT, file), "utf8");
}

/** What a file of YAML holds. */
export function readYaml(file: string): unknown {
	return parse(readText(file), { merge: true });
}

/** The variables that `lib/env.ts` reads. */
export const KNOWN_VARIABLES: ReadonlySet<string> = new Set([
	...[...readText("lib/env.ts").matchAll(/\btext\("([A-Z_]+)"/g)].map(([, name]) => name as string),
	...STATEFUL_SERVICES.map(databaseVariable),
]);

/** What the image sets, whatever else its environment is. */
export const IMAGE_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
	(/^ENV ((?:.*\\\n)*.*)$/m.exec(readText("Dockerfile"))?.[1] ?? "")
		.split(/[\s\\]+/)
		.map((setting) => setting.split("=") as [string, string]),
);

/** How long a node may take to stop: what its gateway waits for comes before what every broker waits for. */
export function stoppingMs(name: ServiceName, settings: Env): number {
	const { tracking, registry } = brokerOptions(settings);
	const gatewayMs = name === "api" ? STOP_NOTICE_MS + DRAIN_GRACE_MS + DENIALS_DRAIN_MS : 0;
	const brokerMs = (registry?.stopDelay ?? 0) + (tracking?.shutdownTimeout ?? 0);
	expect(brokerMs).toBeGreaterThan(10_000);
	return gatewayMs + brokerMs;
}
