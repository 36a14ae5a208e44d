import "moleculer";
import type { Access } from "../lib/service.ts";

declare module "moleculer" {
	interface ActionSchema {
		/** Who may call the action; `middlewares/authorization.ts` refuses an action without it. */
		auth?: Access;
	}

	/** Moleculer's own middlewares, which its types leave out. */
	const Middlewares: { readonly CircuitBreaker: (broker: ServiceBroker) => Middleware };
}
