import { type Middleware, Middlewares, type ServiceBroker } from "moleculer";

/**
 * Moleculer's circuit breaker around calls to other nodes alone. A circuit is the caller's, who has other nodes to ask:
 * one around what a node does itself would turn all callers away for what some of them have met.
 */
// Moleculer also takes a function that makes a middleware; its types do not say so.
export const circuitBreaker = ((broker: ServiceBroker): Middleware => {
	const { localAction: _, ...remote } = Middlewares.CircuitBreaker(broker);
	return remote;
}) as unknown as Middleware;
