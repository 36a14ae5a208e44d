import type { ServiceBroker } from "moleculer";
import type { Db } from "../../lib/db.ts";
import { pollMetrics } from "../../lib/metrics/poll.ts";
import { checkAccounts } from "./invariants.store.ts";

const CHECK_EVERY_MS = 30_000;

/**
 * Checks the accounts every now and then, on the first of the service's nodes. One that is not, or that could not look
 * in time, shows nothing. Gives a way to stop it.
 */
export function watchInvariants(broker: ServiceBroker, db: Db, everyMs = CHECK_EVERY_MS): () => void {
	return pollMetrics(
		broker,
		async () => (isFirst(broker) ? checkAccounts(db) : null),
		(metrics, held) => {
			metrics.clear("invariant_holds");
			for (const [invariant, holds] of Object.entries(held ?? {}))
				metrics.set("invariant_holds", { invariant }, Number(holds));
		},
		everyMs,
	);
}

function isFirst({ registry, nodeID }: ServiceBroker): boolean {
	const nodes = registry.getServiceList({ onlyAvailable: true }).filter(({ name }) => name === "trading");
	return !nodes.some((node) => String(node.nodeID) < nodeID);
}
