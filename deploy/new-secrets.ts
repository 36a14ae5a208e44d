import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { runCommand, usageError } from "../cli/run.ts";
import { NAMESPACE } from "./kubernetes/objects.ts";
import { COMPOSE_SECRETS, KUBERNETES_SECRETS, secretOf } from "./secrets.ts";

const RANDOM_BYTES = 24;

/** A password that URLs, shells and NATS take as it is: NATS wants a letter first. */
function newPassword(): string {
	return `k${randomBytes(RANDOM_BYTES).toString("hex")}`;
}

/** The lines of an `.env` for compose. */
function forCompose(): string {
	return ["COMPOSE_PROFILES=monitoring", ...COMPOSE_SECRETS.map((name) => `${name}=${newPassword()}`), ""].join("\n");
}

/** Secrets for `kubectl create -f -`, which leaves alone those that are there. */
function forKubernetes(): string {
	const secrets = KUBERNETES_SECRETS.map((secret) => {
		const { object: name, key } = secretOf(secret);
		const metadata = { name, namespace: NAMESPACE };
		return { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", stringData: { [key]: newPassword() } };
	});
	return secrets.map((secret) => stringify(secret)).join("---\n");
}

// Prints new secrets: npm run --silent secrets -- compose | kubernetes
await runCommand(async () => {
	const [kind = "compose"] = parseArgs({ allowPositionals: true }).positionals;
	const makers: Readonly<Record<string, () => string>> = { compose: forCompose, kubernetes: forKubernetes };
	const make = makers[kind];
	if (!make) throw usageError(`Say for whom: ${Object.keys(makers).join(" or ")}`);
	process.stdout.write(make());
});
