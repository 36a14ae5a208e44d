import "moleculer";
import type { Access } from "../lib/service.ts";

declare module "moleculer" {
	interface ActionSchema {
		/** Who may call the action; `middlewares/authorization.ts` refuses an action without it. */
		auth?: Access;
	}
}
