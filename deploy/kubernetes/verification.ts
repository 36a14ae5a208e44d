import type { CronJob } from "kubernetes-types/batch/v1.d.ts";
import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { databaseEnv, IMAGE, loginOf, USER_ID } from "./node.ts";
import { HARDENED, metadata, NO_KUBERNETES, resources, runAs } from "./objects.ts";

export const VERIFICATION = "verify";

/** In the night, when there is least to wait for. */
const SCHEDULE = "30 3 * * *";

const LIMIT_S = 3_600;

/** Holds what all databases have against each other, every night and when an operator wants it. */
export function verification(): CronJob {
	const { namespace: _, ...podMetadata } = metadata(VERIFICATION, "operator");
	return {
		apiVersion: "batch/v1",
		kind: "CronJob",
		metadata: metadata(VERIFICATION, "operator"),
		spec: {
			schedule: SCHEDULE,
			timeZone: "Etc/UTC",
			concurrencyPolicy: "Forbid",
			jobTemplate: {
				spec: {
					// What is found is found again: it is to be looked at.
					backoffLimit: 0,
					activeDeadlineSeconds: LIMIT_S,
					template: {
						metadata: podMetadata,
						spec: {
							...NO_KUBERNETES,
							restartPolicy: "Never",
							securityContext: runAs(USER_ID),
							containers: [
								{
									name: VERIFICATION,
									image: IMAGE,
									command: ["node", "cli/verify.ts", "--rebuild"],
									env: STATEFUL_SERVICES.flatMap((service) => databaseEnv(service, loginOf(service))),
									resources: resources("100m", "2Gi", "2"),
									securityContext: HARDENED,
								},
							],
						},
					},
				},
			},
		},
	};
}
