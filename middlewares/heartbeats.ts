import type { Middleware, ServiceBroker } from "moleculer";

/** Moleculer's discoverer, as far as its types leave it out. */
interface Discoverer {
	checkRemoteNodes(): void;
}

const LOOK_EVERY_MS = 1_000;
/** Who has not looked for so long was stopped himself, or had no processor. */
const ASLEEP_MS = 2_500;

const timers = new WeakMap<ServiceBroker, NodeJS.Timeout>();

/**
 * Looks for nodes that have fallen silent every second: Moleculer does so once in a heartbeat's timeout, and finds one
 * after up to twice that. Not in the first second after a sleep of its own: what the others have said meanwhile is
 * still to be read, and a node that was stopped would take all of them for gone.
 */
export const heartbeats: Middleware = {
	name: "Heartbeats",

	created(broker) {
		const discoverer = broker.registry.discoverer as unknown as Discoverer;
		const check = discoverer.checkRemoteNodes.bind(discoverer);
		let lookedAt = performance.now();
		let awakeAt = lookedAt;
		discoverer.checkRemoteNodes = () => {
			const now = performance.now();
			if (now - lookedAt > ASLEEP_MS) awakeAt = now;
			lookedAt = now;
			if (now - awakeAt >= LOOK_EVERY_MS) check();
		};
	},

	async started(broker) {
		if (!broker.transit) return;
		const discoverer = broker.registry.discoverer as unknown as Discoverer;
		const timer = setInterval(() => discoverer.checkRemoteNodes(), LOOK_EVERY_MS);
		timer.unref();
		timers.set(broker, timer);
	},

	async stopped(broker) {
		clearInterval(timers.get(broker));
	},
};
