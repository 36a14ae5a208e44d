import type { TypedService } from "../../lib/service.ts";
import { type ClusterGauges, clusterGauges } from "./cluster-gauges.ts";

const metrics: TypedService<"metrics", {}, ClusterGauges> = {
	name: "metrics",
	mixins: [clusterGauges()],

	actions: {
		cluster: {
			auth: "auditor",
			handler() {
				return this.shown.metrics();
			},
		},
	},
};

export default metrics;
