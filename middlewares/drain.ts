import type { Middleware, Service } from "moleculer";

/** A service that begins work by itself or for somebody outside the cluster, and can stop doing so. */
interface Drainable {
	/** Resolves when what was begun has ended, after a grace at the latest. */
	drain(): Promise<void>;
}

/** Lets what calls other services finish first: Moleculer stops all services of a node at the same time. */
export const drain: Middleware = {
	name: "Drain",
	async stopping(broker) {
		await Promise.all(broker.services.filter(isDrainable).map((service) => service.drain()));
	},
};

function isDrainable(service: Service): service is Service & Drainable {
	return "drain" in service && typeof service.drain === "function";
}
