import type { Context, Middleware, Service } from "moleculer";

/** The name of each endpoint that has been called, and how many have been. */
const names = new WeakMap<object, string>();
let lives = 0;

/**
 * Gives each endpoint a name of its own. Moleculer's circuit breaker counts by the name, and keeps the endpoint that it
 * has met first under it: once a node had left and come back under its id, its circuit would never open again.
 * Belongs outside the breaker.
 */
export const endpointLives: Middleware = {
	name: "EndpointLives",
	remoteAction(next, action) {
		return function nameEndpoint(this: Service, ctx: Context) {
			const { endpoint } = ctx;
			if (endpoint && "name" in endpoint) {
				let name = names.get(endpoint);
				if (name === undefined) {
					lives += 1;
					name = `${endpoint.id}:${action.name}#${lives}`;
					names.set(endpoint, name);
				}
				// An endpoint that learns of a change of its action takes its first name again.
				endpoint.name = name;
			}
			return next.call(this, ctx);
		};
	},
};
