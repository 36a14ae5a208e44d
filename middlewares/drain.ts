import type { Middleware, Service } from "moleculer";

/** A service that takes requests from outside the cluster, and can stop doing so. */
interface Drainable {
	/** Resolves when what was taken is answered, after a grace at the latest. */
	drain(): Promise<void>;
}

/** Lets the services that face the outside finish first: Moleculer stops all services of a node at the same time. */
export const drain: Middleware = {
	name: "Drain",
	async stopping(broker) {
		await Promise.all(broker.services.filter(isDrainable).map((service) => service.drain()));
	},
};

function isDrainable(service: Service): service is Service & Drainable {
	return "drain" in service && typeof service.drain === "function";
}
