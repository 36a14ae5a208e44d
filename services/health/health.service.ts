import type { TypedService } from "../../lib/service.ts";
import { clusterHealth } from "./health.queries.ts";

const health: TypedService<"health"> = {
	name: "health",

	actions: {
		cluster: {
			auth: "auditor",
			handler(ctx) {
				return clusterHealth(ctx);
			},
		},
	},
};

export default health;
