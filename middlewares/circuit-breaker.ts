import { type Context, type Middleware, Middlewares, type Service, type ServiceBroker } from "moleculer";
import { isRefusal } from "../lib/refuse.ts";

type Handler = (this: Service | ServiceBroker, ctx: Context) => Promise<unknown>;
type Wrap = (this: ServiceBroker, next: Handler, action: object) => Handler;

/** Errors of nodes that were the last to be asked. */
const spared = new WeakSet<Error>();

/** Whether `error` came from the only node that is left to be asked, so that it opens no circuit. */
export function isSpared(error: Error): boolean {
	return spared.has(error);
}

/**
 * Moleculer's circuit breaker around calls to other nodes alone. A circuit is the caller's, who has other nodes to ask:
 * one around what a node does itself would turn all callers away for what some of them have met. For the same reason a
 * node that says it cannot serve now is left for another, and asked on when there is none: where what is amiss is not
 * the node's own, such as its database, all circuits would open, and outlast it.
 */
// Moleculer also takes a function that makes a middleware; its types do not say so.
export const circuitBreaker = ((broker: ServiceBroker): Middleware => {
	const { localAction: _, remoteAction, ...remote } = Middlewares.CircuitBreaker(broker);
	const wrap = remoteAction as unknown as Wrap;
	const hooks = {
		remoteAction(this: ServiceBroker, next: Handler, action: object): Handler {
			return wrap.call(this, sparing(broker, next), action);
		},
	};
	return { ...remote, ...hooks };
}) as unknown as Middleware;

function sparing(broker: ServiceBroker, next: Handler): Handler {
	return function spareTheLast(ctx) {
		return next.call(this, ctx).catch((error: unknown) => {
			if (error instanceof Error && isRefusal(error, "SERVICE_UNAVAILABLE") && isLast(broker, ctx)) spared.add(error);
			throw error;
		});
	};
}

function isLast({ registry }: ServiceBroker, { action, endpoint }: Context): boolean {
	const endpoints = registry.getActionEndpoints(action?.name ?? "")?.endpoints ?? [];
	return !endpoints.some((other) => other !== endpoint && other.isAvailable);
}
