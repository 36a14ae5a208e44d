import type { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { isOnOrderPath, SERVICE_NAMES, type ServiceName } from "../../lib/topology.ts";

/** What the gateway knows of the services behind it. */
export interface Readiness {
	/** Those that should be there and are not, and those of them that the gateway is not ready without. */
	look(): { readonly missing: readonly ServiceName[]; readonly awaited: readonly ServiceName[] };
}

/**
 * Every service is awaited until all have been there: what is incomplete may be wrongly set up. From then on only those
 * are that an order needs, for the loss of another must not take away every gateway at once. To look at each change of
 * the services as well as when somebody asks: it knows only what it has seen.
 */
export function openReadiness(broker: ServiceBroker): Readiness {
	let wasWhole = false;
	return {
		look() {
			const missing = missingServices(broker);
			wasWhole ||= missing.length === 0;
			return { missing, awaited: wasWhole ? missing.filter(isOnOrderPath) : missing };
		},
	};
}

/** A node on its own can only have those that it was told to run. */
function missingServices(broker: ServiceBroker): ServiceName[] {
	const { transporter, services } = env();
	const expected = transporter ? SERVICE_NAMES : services;
	const there = new Set(broker.registry.getServiceList({ onlyAvailable: true }).map((service) => service.name));
	return expected.filter((name) => !there.has(name));
}
