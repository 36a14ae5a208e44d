import path from "node:path";
import { pathToFileURL } from "node:url";
import { type BrokerOptions, ServiceBroker, type ServiceSchema } from "moleculer";
import { env } from "../lib/env.ts";
import { armFailpoint } from "../lib/failpoint.ts";
import type { ServiceName } from "../lib/topology.ts";
import { brokerOptions } from "../moleculer.config.ts";

const SERVICES_FOLDER = path.join(import.meta.dirname, "..", "services");

/** A broker with `services` loaded and not yet started; `overrides` win over what the environment says. */
export async function createNode(
	services: readonly ServiceName[],
	overrides: BrokerOptions = {},
): Promise<ServiceBroker> {
	armFailpoint(env().failpoint);
	const schemas = await Promise.all(services.map(loadSchema));
	const broker = new ServiceBroker({ ...brokerOptions(), ...overrides });
	for (const schema of schemas) broker.createService(schema);
	return broker;
}

/** The folder of a service's migrations. */
export function migrationsFolder(service: ServiceName): string {
	return path.join(SERVICES_FOLDER, service, "migrations");
}

/** What the service file of `service` exports. */
export async function loadSchema(service: ServiceName): Promise<ServiceSchema> {
	const file = path.join(SERVICES_FOLDER, service, `${service}.service.ts`);
	const module: { default: ServiceSchema } = await import(pathToFileURL(file).href);
	return module.default;
}
